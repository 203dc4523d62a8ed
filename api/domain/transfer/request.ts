import { Refusal } from '../refusal.ts'
import { type TransferBag, type TransferPolicy, weightOf } from './problem.ts'

/** More than any hospital's day, hundredths of a mL: a thousand bags of red cells. */
const mostOfOneLine = 20_000_000

/**
 * Go on only where a line asks for what can be meant: of a unit its component is counted in, and no more than anybody needs.
 *
 * @param named as people know it
 * @param line amounts in hundredths
 * @throws Refusal `invalid_request`
 */
export function mustBeMeant(
  named: string,
  line: Pick<TransferBag, 'component' | 'amount' | 'uom'>,
  policy: TransferPolicy,
): void {
  const weight = weightOf(line, policy)
  if (weight === null)
    throw new Refusal(
      'invalid_request',
      `${named} asks for ${line.component} in ${line.uom}, which it is not counted in`,
    )
  if (weight > mostOfOneLine)
    throw new Refusal(
      'invalid_request',
      `${named} asks for ${(line.amount ?? 0) / 100} ${line.uom} of ${line.component}: at most ${mostOfOneLine / 100} mL`,
    )
}
