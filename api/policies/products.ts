/**
 * Product description codes whose component somebody has vouched for, from public sources. ICCBBA's table is licensed and
 * not part of this: whoever holds it adds what they use. A bag of any other code is registered and held until a person
 * has looked at what it is.
 */
export const knownProducts: ReadonlySet<string> = new Set([
  // Red cells, and what else is kept refrigerated.
  ...['E0181', 'E0262', 'E0336', 'E0382', 'E0398', 'E0404', 'E0424', 'E0678', 'E0685', 'E0686', 'E4377'],
  // Frozen.
  ...['E0701', 'E0713', 'E0869', 'E1624', 'E2555', 'E2603', 'E5165'],
  // At room temperature.
  ...['E2488', 'E3046', 'E3556'],
])
