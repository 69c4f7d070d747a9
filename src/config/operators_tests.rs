//! Where operators come to be served, and by which names and tokens.

use super::*;

fn parse(text: &str) -> Result<Config, crate::config::ConfigError> {
    let text = format!("{text}\n[[channel]]\nid = 'a'\nsource = 'testcard:'\n");
    Config::parse(&text, Path::new("channels.toml"))
}

fn at(text: &str) -> (OperatorsAt, String) {
    let config = parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
    let operators = &config.operators;
    (
        operators.at(&config.server),
        operators.address(&config.server).to_string(),
    )
}

const TOKEN: &str =
    "[[operators.token]]\nname = 'a'\nrole = 'operate'\nsecret = '0123456789abcdef01234567'\n";
const TLS: &str = "cert = 'c'\nkey = 'k'\n";

#[test]
fn one_url_is_enough_as_long_as_only_this_machine_reaches_it() {
    let own = (OperatorsAt::Own, "127.0.0.1:8081".to_owned());
    assert_eq!(
        at(""),
        (OperatorsAt::Everywhere, "127.0.0.1:8080".to_owned())
    );
    assert_eq!(
        at("[server]\nlisten = '[::1]:9'").0,
        OperatorsAt::Everywhere
    );
    assert_eq!(
        at(&format!("[server.tls]\n{TLS}")).0,
        OperatorsAt::Everywhere
    );
    assert_eq!(at("[server]\nlisten = '0.0.0.0:8080'"), own);
    assert_eq!(
        at(&format!("[server.tls]\nlisten = '0.0.0.0:443'\n{TLS}")),
        own
    );
    assert_eq!(at("[operators]"), own);
    assert_eq!(at(TOKEN), own);
    assert_eq!(at("[server]\nlisten = '0.0.0.0:0'").1, "127.0.0.1:0");
}

#[test]
fn the_address_of_another_listener_is_that_listener() {
    let plain = "[server]\nlisten = '0.0.0.0:80'\n[operators]\nlisten = '0.0.0.0:80'\n";
    assert_eq!(at(&format!("{plain}{TOKEN}")).0, OperatorsAt::Plain);
    let tls = format!(
        "[server.tls]\nlisten = '0.0.0.0:443'\n{TLS}[operators]\nlisten = '0.0.0.0:443'\n{TOKEN}"
    );
    assert_eq!(at(&tls).0, OperatorsAt::Tls);
    let any = "[server]\nlisten = '127.0.0.1:0'\n[operators]\nlisten = '127.0.0.1:0'\n";
    assert_eq!(at(any).0, OperatorsAt::Own);
}

#[test]
fn nobody_is_sent_where_operators_are_not_served() {
    let text = format!(
        "[server]\nlisten = '127.0.0.1:80'\n[server.tls]\nredirect = true\n{TLS}[operators]\nlisten = '127.0.0.1:80'"
    );
    let error = parse(&text).unwrap_err().to_string();
    assert!(
        error.contains("write `listen = \"127.0.0.1:8443\"`"),
        "{error}"
    );
    let tls = text.replace(
        "[operators]\nlisten = '127.0.0.1:80'",
        "[operators]\nlisten = '127.0.0.1:8443'",
    );
    assert_eq!(at(&tls).0, OperatorsAt::Tls);
}

#[test]
fn what_stands_over_the_file_counts_when_it_is_judged() {
    let text =
        "[operators]\nlisten = '0.0.0.0:8081'\n[[channel]]\nid = 'a'\nsource = 'testcard:'\n";
    let origin = Path::new("channels.toml");
    let error = Config::parse(text, origin).unwrap_err().to_string();
    assert!(error.contains("[[operators.token]]"), "{error}");
    let said = OperatorsSaid {
        listen: None,
        token: Some(Secret::new("0123456789abcdef01234567")),
    };
    let config = Config::parse_under(text, origin, None, &said).unwrap();
    assert_eq!(config.operators.tokens[0].name, "environment");
    let short = OperatorsSaid {
        token: Some(Secret::new("hunter2")),
        ..said
    };
    let error = Config::parse_under(text, origin, None, &short).unwrap_err();
    assert!(!error.to_string().contains("hunter2"), "{error}");
    // The address of the command line is the one that is judged.
    let open = "0.0.0.0:8080".parse().ok();
    let quiet = "[[channel]]\nid = 'a'\nsource = 'testcard:'\n";
    let config = Config::parse_under(quiet, origin, open, &OperatorsSaid::default()).unwrap();
    assert_eq!(config.operators.at(&config.server), OperatorsAt::Own);
}

#[test]
fn names_of_the_gateway_come_from_all_places() {
    let config = parse(
        "[server]\npublic_url = 'https://TV.example:8443/x'\n[server.acme]\ndomains = ['a.example']\n[operators]\nhosts = ['Nas.Local']",
    );
    assert_eq!(
        config.unwrap().operators_hosts(),
        ["nas.local", "tv.example", "a.example"]
    );
}

#[test]
fn hashes_and_tokens_are_checked() {
    let hash = sha256(&"0aFF".repeat(16)).unwrap();
    assert_eq!((hash[0], hash[1], hash[31]), (0x0a, 0xff, 0xff));
    for wrong in ["", "0a", &"0g".repeat(32), &"é".repeat(32)] {
        assert!(sha256(wrong).is_err(), "{wrong}");
    }
    assert!(check_token(&"a".repeat(24)).is_ok());
    for wrong in [
        "",
        "short",
        &"a".repeat(257),
        &"a b".repeat(10),
        &"é".repeat(20),
    ] {
        assert!(check_token(wrong).is_err(), "{wrong}");
    }
}
