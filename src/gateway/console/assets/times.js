// Times come in UTC; they are shown in the viewer's zone, as wide as before, and stay exact in the tooltip.

const two = (number) => String(number).padStart(2, '0');

/** A time in the viewer's zone to the minute, as datetime-local has it. */
export function minute(at) {
  return `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}T${two(at.getHours())}:${two(at.getMinutes())}`;
}

/** Writes all times in this piece of a page anew. */
export function times(piece) {
  piece.querySelectorAll('time[data-time]').forEach((time) => {
    const at = new Date(time.dateTime);
    if (Number.isNaN(at.getTime())) return;
    time.textContent = `${minute(at).replace('T', ' ')}:${two(at.getSeconds())}`;
  });
}
