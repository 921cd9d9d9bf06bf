/** Trust judges others and has no operating errors of its own. */
export {}
