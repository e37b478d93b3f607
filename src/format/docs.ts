import cronledger from '../../package.json' with { type: 'json' }

export const DOCS = `${cronledger.homepage.replace(/#.*/, '')}/blob/v${cronledger.version}/docs`

/** The address of the guide for an operator who has to do something now. */
export const OPERATING_GUIDE = `${DOCS}/guides/operating.md`
