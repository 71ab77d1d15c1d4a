// Counts the network requests of this page or worker since a photo was chosen, from the browser's
// own records (Resource Timing).

export class RequestCounter {
  #since = Infinity;
  #count = 0;
  readonly #observer: PerformanceObserver;

  constructor(changed: (count: number) => void) {
    this.#observer = new PerformanceObserver((list) => {
      const before = this.#count;
      this.#add(list.getEntries());
      if (this.#count !== before) changed(this.#count);
    });
    this.#observer.observe({ type: 'resource' });
  }

  /** Counts from zero, from now on. */
  restart(): void {
    this.#observer.takeRecords();
    this.#count = 0;
    this.#since = performance.now();
  }

  get count(): number {
    this.#add(this.#observer.takeRecords());
    return this.#count;
  }

  #add(entries: PerformanceEntry[]): void {
    for (const entry of entries) if (entry.startTime >= this.#since) this.#count += 1;
  }
}
