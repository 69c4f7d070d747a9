// What an operator does: asks first where it hurts, and shows what the gateway answered.

import { clock } from '../base/format';
import { confirm, note } from '../shell/dialog';

export interface Act {
  /** For the question. Without one nobody is asked. */
  question?: { title: string; text: string };
  /** On the button and in the answer. */
  word: string;
  does: () => Promise<unknown>;
  /** What is said when it was accepted. */
  accepted: string;
  /** Shows the answer where it was asked for. */
  answer: (text: string, failed: boolean) => void;
  /** Whatever came of it. */
  then: () => void;
}

export async function act({ question, word, does, accepted, answer, then }: Act): Promise<void> {
  if (question && !(await confirm(question.title, question.text, word))) return;
  const at = (): string => clock(new Date().toISOString());
  try {
    await does();
    answer(`${at()} ${word}: ${accepted}`, false);
    note(`${word}: ${accepted}`);
  } catch (error) {
    const why = error instanceof Error ? error.message : 'that did not work';
    answer(`${at()} ${word} was refused: ${why}`, true);
    note(`${word} was refused.`);
  }
  then();
}
