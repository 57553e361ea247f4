// Short beeps, made on the spot. Silent until the player asks for them.

export class Sound {
  constructor(button) {
    this.on = false;
    this.context = null;
    button.addEventListener("click", () => {
      this.on = !this.on;
      button.setAttribute("aria-pressed", String(this.on));
      button.textContent = this.on ? "Sound on" : "Sound off";
      this.beep(660, 0.08);
    });
  }

  beep(hertz, seconds, after = 0) {
    if (!this.on) return;
    this.context ??= new AudioContext();
    const at = this.context.currentTime + after;
    const tone = this.context.createOscillator();
    const volume = this.context.createGain();
    tone.type = "triangle";
    tone.frequency.value = hertz;
    volume.gain.setValueAtTime(0.12, at);
    volume.gain.exponentialRampToValueAtTime(0.001, at + seconds);
    tone.connect(volume).connect(this.context.destination);
    tone.start(at);
    tone.stop(at + seconds);
  }

  spin() {
    this.beep(220, 0.06);
  }

  reel(number) {
    this.beep(180 + number * 40, 0.05);
  }

  win() {
    [523, 659, 784, 1047].forEach((hertz, index) => this.beep(hertz, 0.16, index * 0.09));
  }
}
