// The gateway's events in words. Pure.

import { withoutLabel } from './waiting';

export interface Happening {
  id: number;
  at: string;
  channel?: string;
  session?: string;
  type: string;
  data?: Record<string, unknown>;
}

/** Every type that has its words. */
export const TYPES = ['session.state', 'source.switched', 'source.lost', 'source.healthy', 'encoder.started',
  'encoder.ended', 'viewers.first', 'viewers.last', 'config.applied', 'config.refused',
  'overload.began', 'overload.ended', 'operator.acted'] as const;

/** What happened, for people; of an unknown type its name. */
export function inWords({ type, data = {} }: Happening): string {
  const of = (key: string): string => (typeof data[key] === 'string' || typeof data[key] === 'number' ? String(data[key]) : '?');
  const names = (key: string): string[] => (Array.isArray(data[key]) ? data[key].map(String) : []);
  switch (type) {
    case 'session.state':
      return `${of('from')} → ${of('to')}: ${of('reason')}`;
    case 'source.switched':
      return `from ${of('from')} to ${of('to')}: ${of('reason')}`;
    case 'source.lost':
      return `${of('source')} was lost: ${withoutLabel(of('reason'), of('source'))}`;
    case 'source.healthy':
      return `${of('source')} answers again`;
    case 'encoder.started':
      return `encoder ${of('pid')} started for ${of('source')}`;
    case 'encoder.ended':
      return `encoder ${of('pid')} ended: ${of('reason')}`;
    case 'viewers.first':
      return 'somebody watches';
    case 'viewers.last':
      return 'nobody watches any more';
    case 'config.refused':
      return `the configuration was refused: ${of('error')}`;
    case 'config.applied':
      return `a configuration is in force${changes(names('added'), names('removed'), names('changed'))}`;
    case 'operator.acted':
      return `${of('operator')}: ${acted(of('action') || of('path'), of('detail'), of('outcome'))}`;
    case 'overload.began':
      return `no channel is started for now: ${of('reason')}`;
    case 'overload.ended':
      return `channels are started again: ${of('reason')}`;
    default:
      return type;
  }
}

/** How much it matters, to mark it. */
export function weightOf({ type, data = {} }: Happening): 'bad' | 'good' | 'plain' {
  if (['source.lost', 'config.refused', 'overload.began'].includes(type) || data['to'] === 'failed') return 'bad';
  const isActive = type === 'session.state' && data['to'] === 'active';
  return type === 'source.healthy' || type === 'overload.ended' || isActive ? 'good' : 'plain';
}

function acted(what: string, detail: string, outcome: string): string {
  const more = detail === '' || detail === '?' ? '' : ` (${detail})`;
  return `${what.replaceAll('_', ' ')}${more}${outcome === 'done' ? '' : `, ${outcome}`}`;
}

function changes(added: string[], removed: string[], changed: string[]): string {
  const parts = [['new', added], ['gone', removed], ['changed', changed]] as const;
  const said = parts.filter(([, names]) => names.length > 0).map(([word, names]) => `${word}: ${names.join(', ')}`);
  return said.length === 0 ? '' : ` (${said.join('; ')})`;
}
