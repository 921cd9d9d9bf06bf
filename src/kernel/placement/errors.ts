/** Placement is arithmetic over agreed lists: nothing outside our code can make it fail. */
export {}
