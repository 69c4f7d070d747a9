// Runs before the first paint, in the head, so that the page never flashes in the wrong colours. The choice `auto`
// follows the system.

import { recall } from './base/prefs';

const dark = window.matchMedia('(prefers-color-scheme: dark)');

function apply(): void {
  const choice = recall('theme');
  const resolved = choice === 'dark' || choice === 'light' ? choice : dark.matches ? 'dark' : 'light';
  document.documentElement.dataset['theme'] = resolved;
}

apply();
dark.addEventListener('change', apply);
window.addEventListener('headgate:theme', apply);
window.addEventListener('storage', apply);
