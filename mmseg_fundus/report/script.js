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
const names = new Intl.Collator(undefined, { numeric: true });
for (const table of document.querySelectorAll('table.sortable')) {
  const heads = [...table.tHead.rows[0].cells];
  const body = table.tBodies[0];
  heads.forEach((head, column) => head.querySelector('button').addEventListener('click', () => {
    const ascending = head.getAttribute('aria-sort') !== 'ascending';
    const sign = ascending ? 1 : -1;
    const keys = new Map([...body.rows].map(row => [row, column ? row.cells[column].dataset.value : row.cells[0].textContent]));
    const compare = column
      ? (a, b) => (a === '') - (b === '') || sign * (a - b)
      : (a, b) => sign * names.compare(a, b);
    heads.forEach(other => other.setAttribute('aria-sort', other !== head ? 'none' : ascending ? 'ascending' : 'descending'));
    body.append(...[...keys.keys()].sort((a, b) => compare(keys.get(a), keys.get(b))));
  }));
}

// Charts: the values of each curve where the pointer is.
for (const chart of document.querySelectorAll('.chart')) {
  const svg = chart.querySelector('svg');
  const readout = chart.querySelector('.readout');
  const [[xLow, xHigh], [yLow, yHigh], [left, right, top, bottom]] = ['x', 'y', 'box'].map(key => svg.dataset[key].split(' ').map(Number));
  const lines = [...svg.querySelectorAll('.line[data-name]')].map(path => ({
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
    if (x < left || x > right || !lines.length) return clear();
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

// A folder of predictions: a click on a thumbnail shows the picture large; the next one is the next row of the table as it is sorted.
const viewer = document.querySelector('dialog.viewer');
if (viewer) {
  const part = name => viewer.querySelector('.' + name);
  const stack = part('stack');
  const make = (tag, text) => Object.assign(document.createElement(tag), { textContent: text });
  let current = null;
  const show = link => {
    current = link;
    const row = link.closest('tr');
    const links = [...document.querySelectorAll('a.open')];
    const place = links.indexOf(link);
    const name = link.textContent;
    viewer.querySelector('#viewed').textContent = name;
    part('place').textContent = `${place + 1} of ${links.length}`;
    part('before').disabled = place === 0;
    part('after').disabled = place === links.length - 1;
    for (const kind of ['under', 'photograph']) part(kind).src = link.href;
    part('vessels').src = link.dataset.vessels;
    part('photograph').alt = name + ': photograph';
    part('vessels').alt = name + ': vessels found';
    part('files').replaceChildren(...[...row.querySelectorAll('.files a')].flatMap(a => [a.cloneNode(true), ' ']));
    const heads = row.closest('table').tHead.rows[0].cells;
    part('facts').replaceChildren(...[...row.cells].slice(1, -1).map((cell, i) => {
      const line = make('div', '');
      line.append(make('dt', heads[i + 1].textContent), make('dd', cell.textContent));
      return line;
    }));
  };
  const step = by => {
    const links = [...document.querySelectorAll('a.open')];
    const next = links[links.indexOf(current) + by];
    if (next) show(next);
  };
  part('photograph').addEventListener('load', event => {
    stack.style.setProperty('--ratio', event.target.naturalWidth / event.target.naturalHeight);
  });
  document.addEventListener('click', event => {
    const link = event.target.closest('a.open');
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
    event.preventDefault();
    show(link);
    viewer.showModal();
    stack.querySelector('input').focus();
  });
  viewer.addEventListener('keydown', event => {
    const by = { ArrowUp: -1, ArrowDown: 1 }[event.key];
    if (!by) return;
    event.preventDefault();
    step(by);
  });
  viewer.addEventListener('click', event => {
    if (event.target === viewer) viewer.close();
  });
  viewer.addEventListener('close', () => {
    current.focus({ preventScroll: true });
    current.scrollIntoView({ block: 'nearest' });
  });
  part('before').addEventListener('click', () => step(-1));
  part('after').addEventListener('click', () => step(1));
  part('close').addEventListener('click', () => viewer.close());
  part('alone').addEventListener('change', event => stack.classList.toggle('bare', event.target.checked));
}
