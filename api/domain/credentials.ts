import { Refusal } from './refusal.ts'

/** NIST SP 800-63B § 5.1.1.2 asks for 8 at least and for no rules of composition; longer ones are harder to guess. */
export const shortestPassword = 12
export const longestPassword = 128

/** @throws Refusal `invalid_request` */
export function checkPassword(password: string, username: string): void {
  if (password.length < shortestPassword || password.length > longestPassword) {
    throw new Refusal(
      'invalid_request',
      `a password has ${shortestPassword} to ${longestPassword} characters`,
    )
  }
  if (password.toLowerCase().includes(username.toLowerCase()))
    throw new Refusal('invalid_request', 'a password does not contain the username')
  if (new Set(password).size < 5)
    throw new Refusal('invalid_request', 'a password has at least 5 different characters')
}

/** @throws Refusal `invalid_request` for one that is guessed first */
export function checkPin(pin: string): void {
  if (!/^\d{6,8}$/.test(pin)) throw new Refusal('invalid_request', 'a PIN has 6 to 8 digits')
  const digits = [...pin].map(Number)
  const steps = new Set(digits.slice(1).map((digit, i) => digit - (digits[i] as number)))
  if (steps.size === 1)
    throw new Refusal('invalid_request', 'a PIN is no row of digits, such as 123456 or 111111')
}
