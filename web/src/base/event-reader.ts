// Server-sent events out of pieces of text, however they were cut (HTML, section 9.2.6). Pure.

export interface Message {
  /** Empty if it has none of its own. */
  id: string;
  type: string;
  data: string;
}

export class EventReader {
  private rest = '';
  private id = '';
  private type = '';
  private data: string[] = [];

  /** The messages that are whole now. One without data tells its number only. */
  push(text: string): Message[] {
    // The gateway ends lines with \n; proxies leave that alone.
    const lines = (this.rest + text).split(/\r?\n/);
    this.rest = lines.pop() ?? '';
    const messages: Message[] = [];
    for (const line of lines) {
      if (line !== '') this.take(line);
      else if (this.data.length > 0 || this.id !== '') messages.push(this.finish());
    }
    return messages;
  }

  private take(line: string): void {
    const colon = line.indexOf(':');
    const name = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? '' : line.slice(colon + 1).replace(/^ /, '');
    if (name === 'id') this.id = value;
    else if (name === 'event') this.type = value;
    else if (name === 'data') this.data.push(value);
  }

  private finish(): Message {
    const message = { id: this.id, type: this.type === '' ? 'message' : this.type, data: this.data.join('\n') };
    this.id = '';
    this.type = '';
    this.data = [];
    return message;
  }
}
