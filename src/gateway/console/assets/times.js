// Times come in UTC; they are shown in the viewer's zone, as wide as before, and stay exact in the tooltip.

const two = (number) => String(number).padStart(2, '0');

/** Writes all times in this piece of a page anew. */
export function times(piece) {
  piece.querySelectorAll('time[data-time]').forEach((time) => {
    const at = new Date(time.dateTime);
    if (Number.isNaN(at.getTime())) return;
    const day = `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}`;
    time.textContent = `${day} ${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`;
  });
}
