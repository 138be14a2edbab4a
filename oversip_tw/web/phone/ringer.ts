/** Tones made on the spot: no sound files. */

interface Pattern {
  frequencies: number[];
  /** Seconds on and off, in turn. */
  rhythm: number[];
  volume: number;
}

const RING: Pattern = { frequencies: [587, 880], rhythm: [0.35, 0.15, 0.35, 2.15], volume: 0.12 };
const RINGBACK: Pattern = { frequencies: [425], rhythm: [1, 4], volume: 0.05 };
/** Pairs of frequencies of ITU-T Q.23. */
const ROWS = ["123", "456", "789", "*0#"];
const LOW = [697, 770, 852, 941];
const HIGH = [1209, 1336, 1477];

export class Ringer {
  private context: AudioContext | undefined;
  private playing: "ring" | "ringback" | undefined;
  private gain: GainNode | undefined;
  private oscillators: OscillatorNode[] = [];
  private timer: number | undefined;

  /** Plays one of the two without end, or neither. */
  play(which: "ring" | "ringback" | undefined): void {
    if (which === this.playing) {
      return;
    }
    this.silence();
    this.playing = which;
    if (which) {
      this.begin(which === "ring" ? RING : RINGBACK);
    }
  }

  /** The tone of a key, for the one who presses it. */
  key(digit: string): void {
    const row = ROWS.findIndex((keys) => keys.includes(digit));
    const column = ROWS[row]?.indexOf(digit) ?? 0;
    const context = this.ready();
    if (!context || row < 0) {
      return;
    }
    const gain = context.createGain();
    gain.gain.value = 0.05;
    gain.connect(context.destination);
    for (const frequency of [LOW[row]!, HIGH[column]!]) {
      const oscillator = new OscillatorNode(context, { frequency });
      oscillator.connect(gain);
      oscillator.start();
      oscillator.stop(context.currentTime + 0.12);
    }
  }

  private begin(pattern: Pattern): void {
    const context = this.ready();
    if (!context) {
      return;
    }
    this.gain = context.createGain();
    this.gain.gain.value = 0;
    this.gain.connect(context.destination);
    this.oscillators = pattern.frequencies.map((frequency) => new OscillatorNode(context, { frequency }));
    for (const oscillator of this.oscillators) {
      oscillator.connect(this.gain);
      oscillator.start();
    }
    const step = (index: number) => {
      const loud = index % 2 === 0;
      this.gain?.gain.setTargetAtTime(loud ? pattern.volume : 0, context.currentTime, 0.01);
      const seconds = pattern.rhythm[index % pattern.rhythm.length]!;
      this.timer = window.setTimeout(() => step((index + 1) % pattern.rhythm.length), seconds * 1000);
    };
    step(0);
  }

  private silence(): void {
    clearTimeout(this.timer);
    for (const oscillator of this.oscillators) {
      oscillator.stop();
    }
    this.oscillators = [];
    this.gain?.disconnect();
    this.gain = undefined;
  }

  /** Browsers give no sound to a page that nobody has touched yet; then the phone rings in silence. */
  private ready(): AudioContext | undefined {
    try {
      this.context ??= new AudioContext();
      void this.context.resume().catch(() => {});
      return this.context;
    } catch {
      return undefined;
    }
  }
}
