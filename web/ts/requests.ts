// Counts the network requests of this page or worker, since it was loaded and since a photo was
// chosen, from the browser's own records (Resource Timing).

export interface RequestCounts {
  sinceLoad: number;
  sincePhoto: number;
}

export class RequestCounter {
  #since = Infinity;
  #counts: RequestCounts = { sinceLoad: 0, sincePhoto: 0 };
  readonly #observer: PerformanceObserver;

  constructor(changed: (counts: RequestCounts) => void) {
    this.#observer = new PerformanceObserver((list) => {
      if (this.#add(list.getEntries())) changed(this.counts);
    });
    this.#observer.observe({ type: 'resource', buffered: true });
  }

  /** A photo was chosen: counts from zero, from now on. */
  restart(): void {
    this.#add(this.#observer.takeRecords());
    this.#counts.sincePhoto = 0;
    this.#since = performance.now();
  }

  get counts(): RequestCounts {
    this.#add(this.#observer.takeRecords());
    return { ...this.#counts };
  }

  /** @return whether there was any */
  #add(entries: PerformanceEntry[]): boolean {
    let any = false;
    for (const entry of entries) {
      // What is read from memory (blob:, data:) is no request.
      if (!/^https?:/.test(entry.name)) continue;
      any = true;
      this.#counts.sinceLoad += 1;
      if (entry.startTime >= this.#since) this.#counts.sincePhoto += 1;
    }
    return any;
  }
}
