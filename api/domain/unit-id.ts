import { dinCheckCharacter, isDin } from './isbt128/din.ts'
import type { Product } from './isbt128/part.ts'
import { formatProductCode } from './isbt128/product.ts'

/** How a donation is named to people: a DIN with its check character, a station's own number as it is printed. */
export function shownNumber(identifier: string): string {
  return isDin(identifier)
    ? `${identifier}${dinCheckCharacter(identifier)}`
    : identifier.slice(identifier.lastIndexOf('/') + 1)
}

/** How a product is named to people: a station's own code stands alone. */
export function shownProduct(identifier: string, product: Product): string {
  return isDin(identifier) ? formatProductCode(product) : product.productCode
}
