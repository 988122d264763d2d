const STEPS = [['gold', 5000], ['silver', 1000], ['bronze', 0]]

export function tierFor (points) {
  return STEPS.find(([, min]) => points >= min)[0]
}
