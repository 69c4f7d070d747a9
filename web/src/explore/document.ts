// The API's description (OpenAPI 3.1), as far as this page reads it. Pure.

export interface Schema {
  $ref?: string;
  type?: string | string[];
  format?: string;
  description?: string;
  properties?: Record<string, Schema>;
  required?: string[];
  items?: Schema;
  oneOf?: Schema[];
  enum?: unknown[];
  examples?: unknown[];
  pattern?: string;
  minimum?: number;
  maximum?: number;
}

export interface Parameter {
  name: string;
  in: 'path' | 'query' | 'header';
  required?: boolean;
  description?: string;
  schema?: Schema;
}

interface Content {
  schema?: Schema;
}

export interface Answer {
  description?: string;
  content?: Record<string, Content>;
}

export interface Operation {
  operationId: string;
  summary?: string;
  description?: string;
  tags?: string[];
  parameters?: Parameter[];
  requestBody?: { content?: Record<string, Content> };
  responses?: Record<string, Answer>;
}

export interface Description {
  info: { title: string; version: string; description?: string };
  tags?: { name: string; description?: string }[];
  paths: Record<string, Record<string, Operation>>;
  components?: { schemas?: Record<string, Schema> };
}

/** One operation and where it is. */
export interface Entry {
  method: string;
  path: string;
  operation: Operation;
}

const METHODS = ['get', 'post', 'put', 'patch', 'delete'];
const DEEPEST = 6;

/** The operations by tag, in the order of the description. */
export function byTag(document: Description): Map<string, Entry[]> {
  const groups = new Map<string, Entry[]>((document.tags ?? []).map(({ name }) => [name, []]));
  for (const [path, item] of Object.entries(document.paths)) {
    for (const method of METHODS) {
      const operation = item[method];
      if (!operation) continue;
      const tag = operation.tags?.[0] ?? 'more';
      const group = groups.get(tag) ?? [];
      group.push({ method: method.toUpperCase(), path, operation });
      groups.set(tag, group);
    }
  }
  return groups;
}

/** The schema that a reference names; one that leads nowhere is an empty one. */
export function resolve(document: Description, schema: Schema): Schema {
  const name = schema.$ref?.split('/').pop();
  return name === undefined ? schema : (document.components?.schemas?.[name] ?? {});
}

/** What is sent or answered as JSON. */
export const jsonOf = (content?: Record<string, Content>): Schema | null => content?.['application/json']?.schema ?? null;

/** Something that the schema allows, to begin with. */
export function example(document: Description, schema: Schema, depth = 0): unknown {
  const found = resolve(document, schema);
  if (found.examples?.length) return found.examples[0];
  if (found.enum?.length) return found.enum[0];
  if (found.oneOf?.length) return example(document, found.oneOf[0] ?? {}, depth + 1);
  if (depth > DEEPEST) return null;
  if (found.properties) {
    const fields = Object.entries(found.properties).map(([name, field]) => [name, example(document, field, depth + 1)]);
    return Object.fromEntries(fields) as unknown;
  }
  switch (typeOf(found)) {
    case 'array':
      return [];
    case 'integer':
    case 'number':
      return found.minimum ?? 0;
    case 'boolean':
      return false;
    case 'string':
      return '';
    default:
      return null;
  }
}

/** A line for each field: its name, indented; its type; what it is. */
export interface Line {
  depth: number;
  name: string;
  type: string;
  text: string;
}

/** What the fields of a schema are, for people. */
export function outline(document: Description, schema: Schema, depth = 0): Line[] {
  if (depth > DEEPEST) return [];
  const found = within(document, schema);
  return Object.entries(found.properties ?? {}).flatMap(([name, field]) => [
    { depth, name, type: typeName(document, field), text: textOf(document, field) },
    ...outline(document, field, depth + 1),
  ]);
}

/** `string`, `uuid`, `Session[]`, `number or null`. */
export function typeName(document: Description, schema: Schema): string {
  if (schema.oneOf) return schema.oneOf.map((one) => typeName(document, one)).join(' or ');
  const found = resolve(document, schema);
  if (found.enum) return found.enum.join(' | ');
  if (found.oneOf) return typeName(document, found);
  const types = Array.isArray(found.type) ? found.type : [found.type ?? 'anything'];
  return types.map((type) => {
    if (type === 'array') return `${found.items ? typeName(document, found.items) : 'anything'}[]`;
    return type === 'string' && found.format ? found.format : type;
  }).join(' or ');
}

/** Past what only wraps: the items of an array, the one of several that is not null. */
function within(document: Description, schema: Schema): Schema {
  const found = resolve(document, schema);
  const one = found.oneOf?.find((item) => typeOf(resolve(document, item)) !== 'null');
  if (one) return within(document, one);
  return found.items ? within(document, found.items) : found;
}

const typeOf = (schema: Schema): string | undefined =>
  Array.isArray(schema.type) ? schema.type.find((type) => type !== 'null') : schema.type;

const textOf = (document: Description, schema: Schema): string =>
  schema.description ?? (schema.oneOf ?? []).map((one) => one.description).find(Boolean) ??
  resolve(document, schema).description ?? '';
