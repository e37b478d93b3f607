/** Returns how many random cases a test plays: `few` in each change, and `all` with `EVERY=1`, as .ci/deep does. */
export const runs = (few: number, all: number) => (process.env['EVERY'] === '1' ? all : few)
