'use strict';

// Slider between photograph and result: pointer anywhere on the picture, or the range input by keyboard.
for (const stack of document.querySelectorAll('.stack')) {
  const input = stack.querySelector('input');
  const show = () => stack.style.setProperty('--at', input.value + '%');
  const follow = event => {
    const box = stack.getBoundingClientRect();
    input.value = Math.round(100 * (event.clientX - box.left) / box.width);
    show();
  };
  input.addEventListener('input', show);
  stack.addEventListener('pointerdown', event => {
    if (event.button !== 0) return;
    stack.setPointerCapture(event.pointerId);
    input.focus({ preventScroll: true });
    follow(event);
    event.preventDefault();
  });
  stack.addEventListener('pointermove', event => {
    if (stack.hasPointerCapture(event.pointerId)) follow(event);
  });
  show();
}

// Tables: a click on a column's name sorts, another one turns the order round; what has no value stays last.
for (const table of document.querySelectorAll('table.sortable')) {
  const heads = [...table.tHead.rows[0].cells];
  const body = table.tBodies[0];
  heads.forEach((head, column) => head.querySelector('button').addEventListener('click', () => {
    const ascending = head.getAttribute('aria-sort') !== 'ascending';
    const value = row => row.cells[column].dataset.value;
    const text = row => row.cells[column].textContent;
    const compare = column
      ? (a, b) => (value(a) === '') - (value(b) === '') || (ascending ? 1 : -1) * (value(a) - value(b))
      : (a, b) => (ascending ? 1 : -1) * text(a).localeCompare(text(b), undefined, { numeric: true });
    heads.forEach(other => other.setAttribute('aria-sort', other !== head ? 'none' : ascending ? 'ascending' : 'descending'));
    body.append(...[...body.rows].sort(compare));
  }));
}

// Charts: the values of each curve where the pointer is.
for (const chart of document.querySelectorAll('.chart')) {
  const svg = chart.querySelector('svg');
  const readout = chart.querySelector('.readout');
  const [[xLow, xHigh], [yLow, yHigh], [left, right, top, bottom]] = ['x', 'y', 'box'].map(key => svg.dataset[key].split(' ').map(Number));
  const lines = [...svg.querySelectorAll('.line')].map(path => ({
    name: path.dataset.name,
    points: path.getAttribute('d').slice(1).split('L').map(point => point.split(/[ h]/).map(Number)),
  }));
  const digits = value => Number(value.toPrecision(4)).toString();
  const clear = () => {
    svg.querySelector('.cursor').setAttribute('d', '');
    readout.hidden = true;
  };
  svg.addEventListener('pointermove', event => {
    const box = svg.getBoundingClientRect();
    const x = (event.clientX - box.left) / box.width * svg.viewBox.baseVal.width;
    if (x < left || x > right) return clear();
    const values = lines.map(line => {
      const [px, py] = line.points.reduce((a, b) => Math.abs(b[0] - x) < Math.abs(a[0] - x) ? b : a);
      return [px, line.name + ' ' + digits(yLow + (bottom - py) / (bottom - top) * (yHigh - yLow))];
    });
    const at = values[0][0];
    svg.querySelector('.cursor').setAttribute('d', `M${at} ${top}V${bottom}`);
    readout.textContent = readout.dataset.x + ' ' + digits(xLow + (at - left) / (right - left) * (xHigh - xLow)) + ': ' + values.map(v => v[1]).join(', ');
    readout.hidden = false;
  });
  svg.addEventListener('pointerleave', clear);
}
