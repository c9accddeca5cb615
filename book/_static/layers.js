/* The layers of a network in the browser: convolutions, transposed ones and linear maps, with gates, fast.

   All are one thing: a product of weights with columns of what each pixel hears. A table, made once a layer, says which
   input a pixel hears through which tap of the kernel; padding, strides and transposition are in it. The product is
   made of tiles of four rows by four columns, so that every number that is read serves four times. */
(function (root, make) {
  if (typeof module === "object" && module.exports) module.exports = make();
  else (root.rd = root.rd || {}).layers = make();
})(typeof globalThis === "object" ? globalThis : this, function () {
  "use strict";

  const SIDE = 4; // of a tile
  const UNIT = Math.log(Math.expm1(1)); // softplus makes a variance of 1 of it
  const tile = new Float64Array(SIDE * SIDE), places = new Int32Array(SIDE);

  const sigmoid = (value) => 1 / (1 + Math.exp(-value));

  /** The whole numbers from `start` on that are less than `end`. */
  function range(start, end, step = 1) {
    return Array.from({ length: Math.ceil((end - start) / step) }, (_, i) => start + i * step);
  }

  /** The number that 16 bits stand for in half precision. */
  function half(bits) {
    const sign = bits & 0x8000 ? -1 : 1, exponent = (bits >> 10) & 31, fraction = bits & 1023;
    if (exponent === 31) return fraction ? NaN : sign * Infinity;
    return sign * (exponent ? 2 ** (exponent - 15) * (1 + fraction / 1024) : 2 ** -24 * fraction);
  }

  /** The tensors {shape, values} by their names, of base64 of numbers in half precision, low byte first. */
  function unpack({ halves, tensors }) {
    const bytes = atob(halves), all = new Float32Array(bytes.length / 2), found = {};
    for (let i = 0; i < all.length; i++) all[i] = half(bytes.charCodeAt(2 * i) | (bytes.charCodeAt(2 * i + 1) << 8));
    let start = 0;
    for (const [name, shape] of tensors) {
      const size = shape.reduce((product, length) => product * length, 1);
      found[name] = { shape, values: all.subarray(start, start + size) };
      start += size;
    }
    if (start !== all.length) throw new RangeError(`halves: expected ${start} numbers, got ${all.length}`);
    return found;
  }

  /** The row of the input that row `at` of the output hears through row `tap` of the kernel; -1 for none. */
  function source({ stride, padding, from, transposed }, at, tap) {
    const row = transposed ? (at + padding - tap) / stride : at * stride + tap - padding;
    return Number.isInteger(row) && row >= 0 && row < from ? row : -1;
  }

  /** The pixels of rows `ys` and columns `xs`, the taps that reach any of them, and what each hears through each. */
  function phase(layer, ys, xs) {
    const reaching = (ats) => range(0, layer.kernel).filter((tap) => ats.some((at) => source(layer, at, tap) >= 0));
    const pairs = (a, b, make) => a.flatMap((i) => b.flatMap((j) => make(i, j)));
    const up = reaching(ys), across = reaching(xs), nothing = layer.from ** 2; // the cell of 0 at a plane's end
    const heard = (y, x) => pairs(up, across, (a, b) => {
      const row = source(layer, y, a), column = source(layer, x, b);
      return row < 0 || column < 0 ? nothing : row * layer.from + column;
    });
    return {
      taps: pairs(up, across, (a, b) => a * layer.kernel + b),
      pixels: pairs(ys, xs, (y, x) => y * layer.to + x),
      table: Int32Array.from(pairs(ys, xs, heard)),
    };
  }

  /** The layer `spec` of inputs `from` pixels wide. Pixels that hear through the same taps make one phase. */
  function plan(spec, from, tensors) {
    const { kernel, padding, extra, transposed, gated } = spec;
    const stride = transposed && from === 1 ? kernel : spec.stride; // from one pixel no two taps meet
    const to = transposed
      ? (from - 1) * stride - 2 * padding + kernel + extra
      : Math.floor((from + 2 * padding - kernel) / stride) + 1;
    const [first, second] = tensors[`${spec.name}.weight`].shape;
    const [inputs, outputs] = transposed ? [first, second] : [second, first];
    const layer = { ...spec, stride, from, to, inputs, outputs, planes: gated ? outputs / 2 : outputs };
    // a channel and its gate are rows beside each other
    layer.rows = range(0, outputs).map((row) => (gated ? (row % 2) * layer.planes + (row >> 1) : row));
    const period = transposed ? stride : 1, starts = range(0, period).map((start) => range(start, to, period));
    layer.phases = starts.flatMap((ys) => starts.map((xs) => phase(layer, ys, xs)));
    layer.panel = new Float64Array(SIDE * inputs * Math.max(...layer.phases.map((each) => each.taps.length)));
    layer.out = new Float64Array(0);
    return layer;
  }

  /** A layer's gates: for every channel exp of a polynomial of `position`. */
  function gates({ shape: [channels, degree], values }, position) {
    return Float64Array.from({ length: channels }, (_, c) => {
      let exponent = 0;
      for (let i = degree; i > 0; i--) exponent = (exponent + values[c * degree + i - 1]) * position;
      return Math.exp(exponent);
    });
  }

  /** The weights and biases of `layer` at `position`; `opened` says how far each dimension of the code is open. */
  function weigh(layer, tensors, position, opened) {
    const into = gates(tensors[`${layer.gates}.going_in`], position);
    const out = gates(tensors[`${layer.gates}.coming_out`], position);
    const bias = out.map((gate, o) => gate * tensors[`${layer.name}.bias`].values[o]);
    if (layer.role === "opening") into.forEach((gate, c) => (into[c] = gate * opened[c]));
    if (layer.role === "mean" || layer.role === "variance") {
      const closed = layer.role === "variance" ? UNIT : 0;
      out.forEach((gate, o) => (out[o] = gate * opened[o]));
      bias.forEach((value, o) => (bias[o] = value * opened[o] + closed * (1 - opened[o])));
    }
    const phases = layer.phases.map(({ taps }) => pack(layer, taps, tensors[`${layer.name}.weight`].values, into, out));
    return { bias: layer.rows.map((o) => bias[o]), phases };
  }

  /** The weights of one phase in groups of SIDE rows, whose numbers for one input stand beside each other. */
  function pack(layer, taps, weight, into, out) {
    const length = layer.inputs * taps.length, area = layer.kernel ** 2;
    const packed = new Float64Array(Math.ceil(layer.outputs / SIDE) * SIDE * length);
    layer.rows.forEach((o, row) => {
      let to = Math.floor(row / SIDE) * SIDE * length + (row % SIDE);
      for (let c = 0; c < layer.inputs; c++) {
        const filter = (layer.transposed ? c * layer.outputs + o : o * layer.inputs + c) * area;
        const gate = into[c] * out[o];
        for (let t = 0; t < taps.length; t++, to += SIDE) packed[to] = weight[filter + taps[t]] * gate;
      }
    });
    return packed;
  }

  /** Fills `tile`: SIDE rows of `weights`, which begin at `w`, times the SIDE columns of `panel`. */
  function multiply(weights, w, panel, length) {
    let a0 = 0, a1 = 0, a2 = 0, a3 = 0, b0 = 0, b1 = 0, b2 = 0, b3 = 0;
    let c0 = 0, c1 = 0, c2 = 0, c3 = 0, d0 = 0, d1 = 0, d2 = 0, d3 = 0;
    for (let k = 0, end = SIDE * length; k < end; k += SIDE, w += SIDE) {
      const p0 = panel[k], p1 = panel[k + 1], p2 = panel[k + 2], p3 = panel[k + 3];
      const a = weights[w], b = weights[w + 1], c = weights[w + 2], d = weights[w + 3];
      a0 += a * p0; a1 += a * p1; a2 += a * p2; a3 += a * p3;
      b0 += b * p0; b1 += b * p1; b2 += b * p2; b3 += b * p3;
      c0 += c * p0; c1 += c * p1; c2 += c * p2; c3 += c * p3;
      d0 += d * p0; d1 += d * p1; d2 += d * p2; d3 += d * p3;
    }
    tile[0] = a0; tile[1] = a1; tile[2] = a2; tile[3] = a3;
    tile[4] = b0; tile[5] = b1; tile[6] = b2; tile[7] = b3;
    tile[8] = c0; tile[9] = c1; tile[10] = c2; tile[11] = c3;
    tile[12] = d0; tile[13] = d1; tile[14] = d2; tile[15] = d3;
  }

  /** What SIDE pixels of a phase hear, from number `n` on, as columns of `layer.panel`, and their `places`. */
  function gather(layer, { taps, pixels, table }, input, n, last) {
    const cells = layer.from ** 2 + 1, size = layer.planes * (layer.to ** 2 + 1), { panel, inputs } = layer;
    for (let j = 0; j < SIDE; j++) {
      const column = Math.min(n + j, last), example = Math.floor(column / pixels.length);
      const pixel = column - example * pixels.length, row = pixel * taps.length;
      places[j] = example * size + pixels[pixel];
      for (let c = 0, to = j, plane = example * inputs * cells; c < inputs; c++, plane += cells)
        for (let t = 0; t < taps.length; t++, to += SIDE) panel[to] = input[plane + table[row + t]];
    }
  }

  /** Puts the rows of `tile`, numbers `row` and on, into `layer.out`; a channel times the sigmoid of its gate. */
  function put(layer, row, bias) {
    const cells = layer.to ** 2 + 1, { out, gated } = layer, step = gated ? 2 : 1;
    for (let i = 0; i < SIDE && row < layer.outputs; i += step, row += step)
      for (let j = 0; j < SIDE; j++) {
        const value = tile[i * SIDE + j] + bias[row], to = places[j] + (row / step) * cells;
        out[to] = gated ? value * sigmoid(tile[(i + 1) * SIDE + j] + bias[row + 1]) : value;
      }
  }

  /** `layer` of `batch` inputs: [batch, channels, pixels]. Every plane, in and out, ends in one cell of 0. */
  function apply(layer, { bias, phases }, input, batch) {
    const size = batch * layer.planes * (layer.to ** 2 + 1);
    if (layer.out.length < size) layer.out = new Float64Array(size);
    layer.phases.forEach((each, number) => {
      const length = layer.inputs * each.taps.length, last = batch * each.pixels.length - 1;
      for (let n = 0; n <= last; n += SIDE) {
        gather(layer, each, input, n, last);
        for (let row = 0; row < layer.outputs; row += SIDE) {
          multiply(phases[number], row * length, layer.panel, length);
          put(layer, row, bias);
        }
      }
    });
    return layer.out;
  }

  return { apply, half, plan, range, sigmoid, unpack, weigh };
});
