import assert from 'node:assert/strict';
import { test } from 'node:test';
import { load } from './load.mjs';

const { byTag, example, outline, typeName } = await load('explore/document.ts');
const { curl, missing, readable, request } = await load('explore/request.ts');

const session = { $ref: '#/components/schemas/Session' };
const description = {
  info: { title: 'T', version: '1' },
  tags: [{ name: 'sessions' }, { name: 'channels' }],
  paths: {
    '/channels': { get: { operationId: 'channels', tags: ['channels'] } },
    '/sessions/{id}': {
      delete: { operationId: 'stop', tags: ['sessions'] },
      get: { operationId: 'session', tags: ['sessions'] },
    },
    '/more': { post: { operationId: 'more' } },
  },
  components: {
    schemas: {
      Session: {
        type: 'object',
        description: 'One session',
        properties: {
          id: { type: 'string', format: 'uuid' },
          state: { type: 'string', enum: ['idle', 'active'] },
          error: { type: ['string', 'null'], description: 'The last one' },
          encoder: { oneOf: [{ type: 'null' }, { $ref: '#/components/schemas/Encoder', description: 'It' }] },
          history: { type: 'array', items: session },
        },
      },
      Encoder: { type: 'object', properties: { pid: { type: 'integer', minimum: 1 } } },
    },
  },
};

test('operations stand under their tags, in the order of the description', () => {
  const groups = [...byTag(description)].map(([tag, entries]) => [tag, entries.map(({ method, path }) => `${method} ${path}`)]);
  assert.deepEqual(groups, [
    ['sessions', ['GET /sessions/{id}', 'DELETE /sessions/{id}']],
    ['channels', ['GET /channels']],
    ['more', ['POST /more']],
  ]);
});

test('types are told in words', () => {
  assert.equal(typeName(description, session), 'object');
  assert.equal(typeName(description, { type: 'array', items: { type: 'integer' } }), 'integer[]');
  assert.equal(typeName(description, { type: ['string', 'null'], format: 'date-time' }), 'date-time or null');
  assert.equal(typeName(description, { $ref: '#/components/schemas/None' }), 'anything');
});

test('fields are listed, and a schema that holds itself ends', () => {
  const lines = outline(description, { type: 'array', items: session });
  assert.deepEqual(lines[0], { depth: 0, name: 'id', type: 'uuid', text: '' });
  assert.deepEqual(lines[1], { depth: 0, name: 'state', type: 'idle | active', text: '' });
  assert.deepEqual(lines[3], { depth: 0, name: 'encoder', type: 'null or object', text: 'It' });
  assert.deepEqual(lines[4], { depth: 1, name: 'pid', type: 'integer', text: '' });
  assert.ok(lines.length < 100);
});

test('a body to begin with', () => {
  const start = { type: 'object', properties: { for: { type: 'string', examples: ['10m'] }, n: { type: 'integer' } } };
  assert.deepEqual(example(description, start), { for: '10m', n: 0 });
  assert.equal(example(description, session).state, 'idle');
});

const entry = {
  method: 'POST',
  path: '/sessions/{id}/source',
  operation: {
    operationId: 'source',
    parameters: [
      { name: 'id', in: 'path', required: true },
      { name: 'limit', in: 'query' },
      { name: 'Idempotency-Key', in: 'header' },
    ],
  },
};

test('a form becomes a request and a command', () => {
  assert.deepEqual(missing(entry, {}).map(({ name }) => name), ['id']);
  assert.deepEqual(missing(entry, { id: 'a' }), []);
  const made = request(entry, { id: 'a/b', limit: '1 2', 'Idempotency-Key': '' }, '{"a":"it\'s"}');
  assert.deepEqual(made, {
    method: 'POST',
    target: '/sessions/a%2Fb/source?limit=1+2',
    headers: { 'Content-Type': 'application/json' },
    body: '{"a":"it\'s"}',
  });
  assert.equal(curl('http://localhost', made), "curl -X POST -H 'Content-Type: application/json' " +
    "-d '{\"a\":\"it'\\''s\"}' 'http://localhost/sessions/a%2Fb/source?limit=1+2'");
});

test('answers are made readable if they are JSON', () => {
  assert.equal(readable('{"a":1}'), '{\n  "a": 1\n}');
  assert.equal(readable('# EOF'), '# EOF');
});
