/**
 * A picture's size when its longer side is `longest` at most.
 * @param {number} width
 * @param {number} height
 * @param {number} longest px
 * @returns {[number, number]} whole pixels, one at least
 */
export function fitted(width, height, longest) {
  const scale = Math.min(1, longest / Math.max(width, height));
  return [Math.max(1, Math.round(width * scale)), Math.max(1, Math.round(height * scale))];
}
