// A source that can be unplugged: a live MPEG-TS stream over HTTP, made by ffmpeg for each who asks.

import { spawn } from 'node:child_process';
import { createServer } from 'node:http';

export class Origin {
  #server = null;
  #children = new Set();
  #sockets = new Set();

  /** `colour` tells the pictures of one source from those of another one. */
  constructor(ffmpeg, port, colour) {
    this.port = port;
    this.url = `http://127.0.0.1:${port}/live.ts`;
    this.ffmpeg = ffmpeg;
    this.colour = colour;
  }

  async plugIn() {
    this.#server = createServer((request, response) => this.#serve(response));
    this.#server.on('connection', (socket) => {
      this.#sockets.add(socket);
      socket.on('close', () => this.#sockets.delete(socket));
    });
    await new Promise((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(this.port, '127.0.0.1', resolve);
    });
  }

  /** As if somebody pulled it: connections are reset, new ones refused. */
  async unplug() {
    const server = this.#server;
    this.#server = null;
    if (!server) return;
    const closed = new Promise((resolve) => server.close(resolve));
    for (const socket of this.#sockets) socket.resetAndDestroy();
    for (const child of this.#children) child.kill('SIGKILL');
    await closed;
  }

  #serve(response) {
    const child = spawn(this.ffmpeg, ['-loglevel', 'error', '-nostdin', '-re',
      '-f', 'lavfi', '-i', `color=${this.colour}:s=320x180:r=25,drawbox=x=mod(t*100\\,300):y=0:w=20:h=180:color=white:t=fill`,
      '-f', 'lavfi', '-i', 'sine=f=440:r=48000', '-c:v', 'libx264', '-preset', 'ultrafast', '-g', '25', '-b:v', '300k',
      '-c:a', 'aac', '-f', 'mpegts', 'pipe:1'], { stdio: ['ignore', 'pipe', 'ignore'] });
    this.#children.add(child);
    child.once('exit', () => this.#children.delete(child));
    response.writeHead(200, { 'content-type': 'video/mp2t' });
    response.on('close', () => child.kill('SIGKILL'));
    child.stdout.on('error', () => {});
    child.stdout.pipe(response);
  }
}
