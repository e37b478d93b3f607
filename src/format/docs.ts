/** What an operator types who has to do something now. The executable and the images have no folder of docs. */
export const OPERATING_GUIDE = 'cronledger help operating'
