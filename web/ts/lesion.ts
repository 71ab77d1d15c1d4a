// The outline in an answer.

import type { Answer, Lesion } from './protocol';

/** Undefined until it is known, which is a moment after the answer. */
export function lesionOf(answer: Answer): Lesion | undefined {
  return answer.lesion === '' ? undefined : (JSON.parse(answer.lesion) as Lesion);
}
