export const ALLERGENS = ['gluten', 'egg', 'milk', 'nuts', 'soy', 'celery', 'mustard'] as const;
export type Allergen = (typeof ALLERGENS)[number];
export function labelFor(codes: string[]): Allergen[] {
  return ALLERGENS.filter((a) => codes.includes(a[0].toUpperCase()));
}
