// What an estimate means elsewhere: predictive values at another prevalence.

/** Share of malignant lesions among those that are looked at, 0 to 1. */
export type Prevalence = number;

/** The slider's steps: from "all moles of a healthy adult" to "sent to a pigmented-lesion clinic". */
export const PREVALENCES: readonly Prevalence[] = [
  0.001, 0.002, 0.005, 0.01, 0.02, 0.03, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5,
];
/** Index of the one that it starts at: 2 %. */
export const FIRST_PREVALENCE = 4;

/**
 * Positive and negative predictive value by Bayes' rule (Altman & Bland, "Diagnostic tests 2:
 * predictive values", BMJ 1994).
 * @param sensitivity, specificity at one operating point, 0 to 1
 */
export function predictiveValues(
  sensitivity: number,
  specificity: number,
  prevalence: Prevalence,
): { positive: number; negative: number } {
  const found = sensitivity * prevalence;
  const alarmed = (1 - specificity) * (1 - prevalence);
  const missed = (1 - sensitivity) * prevalence;
  const passed = specificity * (1 - prevalence);
  return {
    positive: found + alarmed > 0 ? found / (found + alarmed) : 0,
    negative: missed + passed > 0 ? passed / (missed + passed) : 0,
  };
}
