/** The name of the error that a missing or damaged part of the program throws. */
export const UNLOADABLE = 'UnloadableError'
