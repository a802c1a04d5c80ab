"use strict";
// Latents, as generators were trained with them; a card says how they are distributed.

class LatentSpace {
  constructor(input, seed) {
    this.input = input;
    this.state = seed;
  }

  // A number in [0, 1): mulberry32, so that the first images are the same each time.
  uniform() {
    this.state = (this.state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(this.state ^ (this.state >>> 15), this.state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  }

  normal() {
    return Math.sqrt(-2 * Math.log(1 - this.uniform())) * Math.cos(2 * Math.PI * this.uniform());
  }

  number() {
    const { distribution, bound } = this.input;
    if (distribution === "uniform") return bound * (2 * this.uniform() - 1);
    let number = this.normal();
    while (distribution === "truncated-normal" && Math.abs(number) > bound) number = this.normal();
    return number;
  }

  draw() {
    return this.placed(Float32Array.from({ length: this.input.latent_size }, () => this.number()));
  }

  // Where latents lie on a sphere, the nearest point of it.
  placed(latent) {
    if (this.input.distribution !== "sphere") return latent;
    const length = Math.hypot(...latent);
    return latent.map((value) => (value * this.input.bound) / length);
  }

  // Normal latents go along an arc, on which each is as likely as those at its ends; a line would pass near 0.
  between(first, last, share) {
    const angle = (share * Math.PI) / 2;
    const arc = this.input.distribution === "normal";
    const [before, after] = arc ? [Math.cos(angle), Math.sin(angle)] : [1 - share, share];
    return this.placed(first.map((value, place) => before * value + after * last[place]));
  }

  // The range of a slider.
  get reach() {
    return Math.min(this.input.bound ?? Infinity, 3);
  }

  // The same latent with another value in one direction; on a sphere the others make room for it.
  turned(latent, direction, value) {
    const turned = Float32Array.from(latent);
    if (this.input.distribution === "sphere") {
      const others = Math.hypot(...latent.filter((_, place) => place !== direction));
      const room = Math.sqrt(Math.max(0, this.input.bound ** 2 - value ** 2));
      if (others > 0) turned.forEach((each, place) => (turned[place] = (each * room) / others));
    }
    turned[direction] = value;
    return turned;
  }

  // What a network takes: latents, and behind them the class one-hot, where it knows classes.
  inputs(latents, classes) {
    const { latent_size: size, classes: count } = this.input;
    const rows = new Float32Array(latents.length * (size + count));
    latents.forEach((latent, row) => {
      rows.set(latent, row * (size + count));
      if (count) rows[row * (size + count) + size + classes[row]] = 1;
    });
    return new ort.Tensor("float32", rows, [latents.length, size + count]);
  }
}
