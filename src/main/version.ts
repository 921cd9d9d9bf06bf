/** Of this program, as in package.json; shown by `/v1/status` and `--version`. */
export const version = '0.1.0'
