// What there is to choose: quality, sound, subtitles. A menu is there only where there is a choice.

import { bitrate } from '../base/format';
import { Menu } from './menu';
import type { Choice } from './menu';
import type { Player } from './player';
import type { Level, PlayerStats, Track } from './stats';

const AUTO = -1;
const OFF = -1;

export class Menus {
  readonly quality: Menu;
  readonly audio: Menu;
  readonly subtitles: Menu;

  constructor(private readonly player: Player) {
    this.quality = new Menu({ id: 'quality', label: 'Quality', key: 'q', icon: 'quality',
      choose: (index) => player.setLevel(index) });
    this.audio = new Menu({ id: 'audio', label: 'Audio', key: 'a', icon: 'audio',
      choose: (index) => player.setAudioTrack(index) });
    this.subtitles = new Menu({ id: 'subtitles', label: 'Subtitles', key: 'c', icon: 'subtitles',
      choose: (index) => player.setSubtitle(index) });
  }

  update(stats: PlayerStats): void {
    this.offerQuality(stats);
    const audio = this.player.audioTracks();
    this.audio.offer(audio.tracks.length < 2 ? [] : audio.tracks.map((track) => choiceOf(track, audio.chosen)), '');
    const { tracks, chosen } = this.player.subtitles();
    const off = { value: OFF, name: 'Off', detail: '', checked: chosen < 0 };
    this.subtitles.offer(tracks.length === 0 ? [] : [off, ...tracks.map((track) => choiceOf(track, chosen))], '');
  }

  private offerQuality({ level, levels, auto }: PlayerStats): void {
    if (levels < 2) return this.quality.offer([], '');
    const now = level === null ? '' : nameOf(level);
    const choices = this.player.levels().sort((a, b) => b.height - a.height || b.bitrate - a.bitrate).map((one) =>
      ({ value: one.index, name: nameOf(one), detail: bitrate(one.bitrate), checked: !auto && level?.index === one.index }));
    this.quality.offer([{ value: AUTO, name: 'Auto', detail: 'fits your line', checked: auto }, ...choices],
      auto ? `Auto${now && ` · ${now}`}` : now);
  }
}

export function nameOf({ height, frameRate, name }: Level): string {
  return height ? `${height}p${frameRate > 35 ? Math.round(frameRate) : ''}` : name;
}

function choiceOf({ index, name, language }: Track, chosen: number): Choice {
  return { value: index, name, detail: language === name ? '' : language, checked: index === chosen };
}
