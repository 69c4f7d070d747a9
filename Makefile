# Thin: each word is a script of the same name. They install what is missing, say so, and are quick the second time.
.DEFAULT_GOAL := help
.PHONY: help run setup test api-test chaos check bench web coverage clients docker fuzz loom

help:
	@echo 'make run       set up, build and start Headgate (ARGS="--listen 127.0.0.1:9000" is passed on)'
	@echo 'make test      every test, with real players and a real browser'
	@echo 'make api-test  the API by a client made of its own description (part of make test)'
	@echo 'make chaos     random faults against several channels for ten minutes, and a table (part of make test for one)'
	@echo 'make check     format, lints, dependencies, documentation, the page'
	@echo 'make bench     delivery, cold start, parked requests, memory; writes bench/out/'
	@echo 'make clients   plays every output with every client there is; writes docs/clients.md'
	@echo 'make coverage  line coverage by room; core rooms must reach 90 %'
	@echo 'make fuzz      fuzzes every parser of foreign bytes, a minute each; prints a table'
	@echo 'make loom      every interleaving of the sessions'\'' hand-offs, in models'
	@echo 'make web       build the page into web/dist'
	@echo 'make setup     install what make run needs, and nothing else'
	@echo 'make docker    build the image headgate:latest'

run setup test api-test chaos check bench web coverage clients fuzz loom:
	@bash scripts/$@.sh $(ARGS)

docker:
	docker build -t headgate:latest .
