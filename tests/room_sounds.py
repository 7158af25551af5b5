"""Labelled sounds of a room, made anew from a seed: voices by espeak-ng, and everything else that is heard at home.

    scene = make_scene("television", seed=7, kit=TRAINING)
    scene.x, scene.rate, scene.kind, scene.voiced      # the sound, its label, and when somebody speaks

A scene is one source, at a stated level and signal-to-noise ratio, in a background that never stops, at the rate of a
sound card. Sources, backgrounds, levels, ratios and rates are drawn from the seed. Nothing is downloaded; espeak-ng is
free software (GPL-3), and what it speaks belongs to nobody. Two `Kit`s share no voice, no language and no sentence, so
that a detector set with one can be judged by the other.
"""

from __future__ import annotations

import io
import subprocess
import wave
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.signal import butter, fftconvolve, resample_poly, sosfilt

Sound = NDArray[np.float64]
Random = np.random.Generator

SECONDS: Final = 10.0
RATES: Final = (8000, 16000, 44100, 48000)
INNER: Final = 16000  # Hz, at which sources are made; the rates above are reached from it
SNRS_DB: Final = (-5, 0, 5, 10, 15, 20, 30)


@dataclass(frozen=True)
class Kit:
    """Voices and sentences that one set of scenes is spoken with: espeak-ng's languages and variants."""

    name: str
    sentences: Mapping[str, str]
    adults: tuple[str, ...]
    children: tuple[str, ...]


TRAINING: Final = Kit(
    "training",
    {
        "en-us": "The parcel should have arrived on Tuesday. Could you please read me the number on the invoice?",
        "de": "Guten Tag, ich möchte meine Bestellung ändern. Die Rechnung kam gestern mit der Post, "
        "aber sie ist falsch.",
        "es": "Buenos días, quisiera cambiar la fecha de mi vuelo. Mañana por la tarde me viene mucho mejor, gracias.",
        "sv": "Hej, jag undrar över min räkning. Kan du vara snäll och titta på det en gång till innan helgen?",
        "pl": "Dzień dobry, chciałabym zapytać o moje zamówienie. Proszę o telefon jutro po południu.",
        "cmn": "你好 请问 我的 包裹 什么 时候 可以 到 我 已经 等了 三 天 了",
        "hi": "नमस्ते, मेरा सामान अभी तक नहीं आया है। क्या आप कृपया देख सकते हैं?",
        "ar": "مرحبا، أريد أن أسأل عن طلبي. هل يمكنك مساعدتي من فضلك؟",
    },
    ("m1", "m2", "m4", "m5", "m7", "f1", "f2", "f4", "Andrea", "Mike", "belinda", "klatt2"),
    ("f3", "Annie", "f1", "m4", "klatt3"),
)
HELD_OUT: Final = Kit(
    "held out",
    {
        "en-gb": "My neighbour says that the line has been down since noon. When will somebody come and look at it?",
        "fr-fr": "Bonjour, je voudrais savoir pourquoi ma facture est si élevée. "
        "Pouvez-vous vérifier cela tout de suite?",
        "it": "Buongiorno, non riesco a entrare nel mio conto. Potrebbe per favore mandarmi una nuova password?",
        "pt-br": "Boa tarde, gostaria de cancelar a minha assinatura. O senhor pode me ajudar com isso agora?",
        "ru": "Здравствуйте, у меня не работает интернет. Скажите, пожалуйста, когда придёт мастер?",
        "nl": "Goedemiddag, mijn bestelling is nog niet aangekomen. Kunt u nagaan waar het pakket nu is?",
        "tr": "Merhaba, siparişim hala gelmedi. Lütfen kargonun nerede olduğunu kontrol eder misiniz?",
        "fi": "Hyvää päivää, haluaisin siirtää varaukseni ensi viikolle. Onko teillä vielä vapaita aikoja?",
    },
    ("m3", "m6", "m8", "f5", "Alex", "Alicia", "steph", "linda", "david", "max", "klatt4", "grandma"),
    ("Andy", "anika", "f5", "m8"),
)


@dataclass(frozen=True)
class Scene:
    """A labelled sound; `voiced` holds for each 10 ms whether somebody speaks, `kind` what room.kind should say."""

    source: str
    kind: str
    x: Sound
    rate: int
    voiced: NDArray[np.bool_]
    snr_db: float
    level_dbfs: float
    background: str

    @property
    def voices_percent(self) -> float:
        """The truth of room.voices."""
        return 100 * float(self.voiced.mean())


# --- What people say -------------------------------------------------------------------------------------------------


@lru_cache(maxsize=512)
def spoken(text: str, language: str, variant: str, pitch: int, words_per_minute: int) -> Sound:
    """Return a sentence by espeak-ng at the inner rate, with an RMS of 1."""
    command = ["espeak-ng", "-v", f"{language}+{variant}", "-p", str(pitch), "-s", str(words_per_minute), "--stdout"]
    for _ in range(5):  # of some ten thousand sentences one came without its header; asked again, espeak-ng gave it
        heard = subprocess.run([*command, text], check=True, capture_output=True, timeout=60).stdout
        if heard.startswith(b"RIFF"):
            break
    with wave.open(io.BytesIO(heard)) as file:
        frames = file.readframes(file.getnframes())  # espeak-ng now and then leaves half a sample at the end
        data = np.frombuffer(frames[: len(frames) // 2 * 2], dtype="<i2").astype(np.float64)
        rate = file.getframerate()
    loud = np.flatnonzero(np.abs(data) > 50)
    return _unit(resampled(data[loud[0] : loud[-1]], rate, INNER))


def talk(kit: Kit, random: Random, seconds: float = SECONDS, child: bool = False) -> Sound:
    """Return somebody who speaks now and then: sentences with pauses of 0.3 s to one, two and a half or six seconds."""
    language = str(random.choice(list(kit.sentences)))
    variant = str(random.choice(kit.children if child else kit.adults))
    pitch = int(random.integers(80, 100) if child else random.integers(25, 75))
    pace, longest = int(random.integers(130, 200)), float(random.choice([1, 2.5, 6]))
    sentence = spoken(kit.sentences[language], language, variant, pitch, pace)
    x = np.zeros(round(seconds * INNER))
    at = int(random.uniform(-2, 2) * INNER)
    while at < len(x):
        _add(x, sentence, at)
        at += len(sentence) + int(random.uniform(0.3, longest) * INNER)
    return x


def near_voice(kit: Kit, random: Random) -> Sound:
    return talk(kit, random)


def far_voice(kit: Kit, random: Random) -> Sound:
    """Somebody in the next room: through a door, with echoes."""
    return low_pass(echo(talk(kit, random), random.uniform(0.3, 0.7), random), random.uniform(1500, 3500))


def child(kit: Kit, random: Random) -> Sound:
    """A small throat: everything is up to a quarter higher and faster than espeak-ng's highest voices."""
    smaller = int(random.integers(100, 126))
    voice = resampled(talk(kit, random, SECONDS * 1.3, child=True), smaller, 100)[: round(SECONDS * INNER)]
    return echo(voice, random.uniform(0.15, 0.4), random)


def babble(kit: Kit, random: Random) -> Sound:
    """Four to six people at once."""
    return echo(_unit(_sum(_unit(talk(kit, random)) for _ in range(random.integers(4, 7)))), 0.4, random)


def television(kit: Kit, random: Random) -> Sound:
    """Speech over music through small loudspeakers."""
    speech = np.tanh(2 * _unit(talk(kit, random)))  # compressed, as broadcasters do
    both = _unit(speech) + music(kit, random) * 10 ** (-random.uniform(8, 20) / 20)
    return echo(band_pass(both, 150, 6000), 0.3, random)


# --- What is no voice ------------------------------------------------------------------------------------------------


def music(kit: Kit, random: Random) -> Sound:
    """Chords, a melody and drums, without song."""
    x, beat = np.zeros(round(SECONDS * INNER)), 60 / random.uniform(70, 150)
    scale = np.array([0, 2, 4, 5, 7, 9, 11, 12])
    root = random.uniform(100, 200)
    decay, harmonics = random.uniform(0.2, 1.5), int(random.integers(3, 10))
    for at in np.arange(0, SECONDS, beat):
        if random.random() < 0.5:
            degree = int(random.integers(0, 6))
            for step in (0, 2, 4):
                _add(x, 0.4 * note(root * 2 ** (scale[(degree + step) % 7] / 12), 2 * beat, decay, harmonics), at)
        pitch = 2 * root * 2 ** (random.choice(scale) / 12)
        _add(x, note(pitch, beat * random.choice([0.5, 1, 2]), decay, harmonics), at)
        if random.random() < 0.7:
            _add(x, 0.6 * thump(random, 60, 0.08), at)
        _add(x, 0.15 * rattle(random, 0.03), at + beat / 2)
    return x


def dog(kit: Kit, random: Random) -> Sound:
    """Barks: a rough harmonic sound that glides down within 0.1 to 0.25 s."""
    x, at, pitch = np.zeros(round(SECONDS * INNER)), random.uniform(0, 1), random.uniform(250, 900)
    while at < SECONDS:
        for _ in range(random.integers(1, 4)):
            length = random.uniform(0.09, 0.25)
            t = np.arange(round(length * INNER)) / INNER
            glide = pitch * random.uniform(0.9, 1.1) * (1.25 - 0.5 * t / length)
            phase = 2 * np.pi * np.cumsum(glide) / INNER
            voice = _sum(np.sin(k * phase + random.uniform(0, 6)) / k**0.7 for k in range(1, 9))
            rough = voice + random.uniform(0.5, 2) * random.standard_normal(len(t))
            bark = band_pass(rough, 0.8 * pitch, min(7000, 5 * pitch)) * np.sin(np.pi * t / length) ** 0.6
            _add(x, bark, at)
            at += length + random.uniform(0.1, 0.35)
        at += random.uniform(0.5, 3)
    return echo(x, random.uniform(0.1, 0.5), random)


def keyboard(kit: Kit, random: Random) -> Sound:
    """Keys: two clicks each, down and up, at the pace of typing, in bursts."""
    x, at, ring = np.zeros(round(SECONDS * INNER)), 0.0, random.uniform(1500, 4500)
    while at < SECONDS:
        for _ in range(random.integers(3, 25)):
            _add(x, random.uniform(0.5, 1) * click(random, ring, 0.006), at)
            _add(x, random.uniform(0.2, 0.6) * click(random, 1.3 * ring, 0.004), at + random.uniform(0.05, 0.11))
            at += random.uniform(0.08, 0.28)
        at += random.uniform(0.2, 1.5)
    return x


def doors(kit: Kit, random: Random) -> Sound:
    """Slams and steps: low thumps with a rattle."""
    x, at = np.zeros(round(SECONDS * INNER)), random.uniform(0.2, 1.5)
    while at < SECONDS:
        _add(x, thump(random, random.uniform(40, 120), random.uniform(0.05, 0.25)), at)
        _add(x, random.uniform(0.1, 0.6) * rattle(random, random.uniform(0.05, 0.2)), at)
        at += random.choice([random.uniform(0.4, 0.7), random.uniform(1, 4)])
    return echo(x, random.uniform(0.2, 0.6), random)


def dishes(kit: Kit, random: Random) -> Sound:
    """Cutlery and china: bright partials that ring."""
    x, at = np.zeros(round(SECONDS * INNER)), 0.0
    while at < SECONDS:
        t = np.arange(round(0.4 * INNER)) / INNER
        partials = random.uniform(900, 6500, 5)
        ring = _sum(np.sin(2 * np.pi * f * t) * np.exp(-t * random.uniform(10, 60)) for f in partials)
        _add(x, random.uniform(0.3, 1) * ring, at)
        at += random.exponential(0.5) + 0.05
    return echo(x, 0.3, random)


def alarm(kit: Kit, random: Random) -> Sound:
    """Beeps of a clock, a telephone's two tones, or a siren."""
    t = np.arange(round(SECONDS * INNER)) / INNER
    kind, base = random.integers(3), random.uniform(500, 3000)
    if kind == 0:
        period = random.uniform(0.2, 1.2)
        return np.sin(2 * np.pi * base * t) * ((t % period) < period / 2)
    if kind == 1:
        f = np.where((t * random.uniform(10, 25)) % 1 < 0.5, base, 1.25 * base)
        return np.sin(2 * np.pi * np.cumsum(f) / INNER) * ((t % 3) < 1)
    f = base * (1 + 0.3 * np.sin(2 * np.pi * t / random.uniform(0.3, 4)))
    return np.sign(np.sin(2 * np.pi * np.cumsum(f) / INNER)) * 1.0


def animal(kit: Kit, random: Random) -> Sound:
    """Calls of no animal in particular: harmonic or rough, short or long, gliding, through a throat of any shape."""
    x, at = np.zeros(round(SECONDS * INNER)), random.uniform(0, 1)
    pitch, longest, pause = (
        np.exp(random.uniform(np.log(70), np.log(1800))),
        random.uniform(0.1, 2.5),
        random.uniform(0.1, 2),
    )
    throat = np.exp(random.uniform(np.log(300), np.log(5000), 3))
    while at < SECONDS:
        t = np.arange(round(random.uniform(0.5, 1) * longest * INNER)) / INNER
        glide = np.interp(t, np.linspace(0, t[-1], 4), random.uniform(0.7, 1.4, 4))
        trill = 1 + random.uniform(0, 0.15) * np.sin(2 * np.pi * random.uniform(3, 30) * t)
        phase = 2 * np.pi * np.cumsum(pitch * glide * trill) / INNER
        tone = _sum(np.sin(k * phase) / k ** random.uniform(0.3, 1.5) for k in range(1, int(random.integers(2, 25))))
        rough = _unit(tone) + random.choice([0.05, 0.5, 2]) * random.standard_normal(len(t))
        call = _sum(band_pass(rough, 0.85 * f, min(1.2 * f, 7500)) for f in throat * random.uniform(0.9, 1.1))
        _add(x, call * np.hanning(len(t)) ** random.uniform(0.2, 1), at)
        at += t[-1] + random.exponential(pause) + 0.05
    return echo(x, random.uniform(0.1, 0.5), random)


def instrument(kit: Kit, random: Random) -> Sound:
    """One instrument that plays notes one after the other, with vibrato: a cello, a flute, a child's trumpet."""
    x, at, root = np.zeros(round(SECONDS * INNER)), 0.0, random.uniform(70, 700)
    harmonics, longest, vibrato = int(random.integers(1, 25)), random.uniform(0.15, 2), random.uniform(0, 0.02)
    body = random.uniform(300, 4000)
    while at < SECONDS:
        t = np.arange(round(random.uniform(0.4, 1) * longest * INNER)) / INNER
        f = root * 2 ** (random.integers(0, 13) / 12) * (1 + vibrato * np.sin(2 * np.pi * random.uniform(4, 7) * t))
        phase = 2 * np.pi * np.cumsum(f) / INNER
        tone = _sum(np.sin(k * phase) / k for k in range(1, harmonics + 1) if k * root < INNER / 4)
        swell = np.minimum(1, np.minimum(t, t[-1] - t) / random.uniform(0.01, 0.1)) * np.exp(-t * random.uniform(0, 3))
        _add(x, (tone + low_pass(tone, body)) * swell, at)
        at += t[-1] + random.choice([0.0, 0.1, random.uniform(0, 1)])
    return echo(x, random.uniform(0.1, 0.8), random)


def clatter(kit: Kit, random: Random) -> Sound:
    """Things that are moved, scraped, dropped, poured: noise of any colour in strokes of any length."""
    x, at = np.zeros(round(SECONDS * INNER)), random.uniform(0, 1)
    longest, pause, low = (
        random.uniform(0.03, 1.5),
        random.uniform(0.05, 1.5),
        np.exp(random.uniform(np.log(80), np.log(3000))),
    )
    while at < SECONDS:
        t = np.arange(round(random.uniform(0.3, 1) * longest * INNER)) / INNER
        stroke = band_pass(random.standard_normal(len(t)), low, min(7500, low * random.uniform(1.3, 12)))
        rasp = 1 + random.uniform(0, 1) * np.sign(np.sin(2 * np.pi * random.uniform(4, 120) * t))
        fall = np.exp(-t / longest * random.uniform(0, 8)) * np.minimum(1, t / random.uniform(0.001, 0.1))
        _add(x, random.uniform(0.3, 1) * stroke * rasp * fall, at)
        at += t[-1] + random.exponential(pause)
    return echo(x, random.uniform(0.1, 0.5), random)


def fan(kit: Kit, random: Random) -> Sound:
    """A fan or a vacuum cleaner: coloured noise, weak blade tones, slow beating."""
    x = coloured(random, random.uniform(0.5, 2.0))
    t, blade = np.arange(len(x)) / INNER, random.uniform(60, 400)
    tones = _sum(np.sin(2 * np.pi * k * blade * t + k) / k for k in range(1, 5))
    beat = 1 + random.uniform(0, 0.15) * np.sin(2 * np.pi * random.uniform(0.2, 2) * t)
    return (_unit(x) + random.uniform(0, 0.5) * _unit(tones)) * beat


def rain(kit: Kit, random: Random) -> Sound:
    """White noise, and drops on a sill."""
    x = _unit(coloured(random, random.uniform(0, 0.7)))
    for at in random.uniform(0, SECONDS, int(random.integers(0, 60))):
        _add(x, random.uniform(0.5, 1.5) * click(random, random.uniform(800, 3000), 0.01), at)
    return x


def traffic(kit: Kit, random: Random) -> Sound:
    """Cars that pass, each for some seconds, over the rumble of others."""
    x = _unit(low_pass(coloured(random, 1.0), 800))
    t = np.arange(len(x)) / INNER
    for at in random.uniform(0, SECONDS, int(random.integers(1, 4))):
        swell = np.exp(-(((t - at) / random.uniform(0.8, 2.5)) ** 2))
        x += random.uniform(1, 3) * swell * _unit(low_pass(coloured(random, 1.0), random.uniform(800, 3000)))
    return x


def hum(kit: Kit, random: Random) -> Sound:
    """A transformer: multiples of 50 or 60 Hz."""
    t, mains = np.arange(round(SECONDS * INNER)) / INNER, float(random.choice([50, 60]))
    return np.asarray(_sum(random.uniform(0.3, 1) / k * np.sin(2 * np.pi * k * mains * t + k) for k in range(1, 9)))


def nothing(kit: Kit, random: Random) -> Sound:
    return np.zeros(round(SECONDS * INNER))


VOICES: Final[Mapping[str, Callable[[Kit, Random], Sound]]] = {
    "near voice": near_voice, "far voice": far_voice, "child": child, "babble": babble, "television": television,
}  # fmt: skip
EVENTS: Final[Mapping[str, Callable[[Kit, Random], Sound]]] = {
    "music": music, "dog": dog, "keyboard": keyboard, "doors": doors, "dishes": dishes, "alarm": alarm,
    "animal": animal, "instrument": instrument, "clatter": clatter,
}  # fmt: skip
STEADY: Final[Mapping[str, Callable[[Kit, Random], Sound]]] = {
    "fan": fan, "rain": rain, "traffic": traffic, "hum": hum, "nothing": nothing,
}  # fmt: skip
SOURCES: Final = {**VOICES, **EVENTS, **STEADY}


def make_scene(source: str, seed: int, kit: Kit, snr_db: float | None = None, rate: int | None = None) -> Scene:
    """Return one scene: `source` over a background, its ratio to it, level and rate drawn from `seed` unless given."""
    random = np.random.default_rng([seed, *source.encode()])
    kind = "voices" if source in VOICES else "events" if source in EVENTS else "steady"
    return in_a_room(source, kind, SOURCES[source](kit, random), random, kit, snr_db, rate)


def in_a_room(
    source: str, kind: str, clean: Sound, random: Random, kit: Kit, snr_db: float | None = None, rate: int | None = None
) -> Scene:
    """Return a clean sound at the inner rate as a card delivers it: over a background, with its own noise, 16 bits."""
    background_name = str(random.choice(["pink", "fan", "rain", "white"]))
    background = _unit(_background(background_name, kit, random))
    snr = float(random.choice(SNRS_DB)) if snr_db is None else snr_db
    level = float(random.choice([-70, -60, -50, -40, -30]))
    on = active(clean)
    if on.any():
        loud = np.repeat(on, INNER // 100)
        clean = clean / np.sqrt(np.mean(clean[: len(loud)][loud] ** 2)) * 10 ** (snr / 20)
    x = clean + background
    x *= 10 ** (level / 20) / np.sqrt(np.mean(x**2))
    chosen = int(random.choice(RATES)) if rate is None else rate
    x = resampled(x, INNER, chosen)
    x = x / max(1.0, float(np.abs(x).max()))
    x = np.round((x + 2e-5 * random.standard_normal(len(x))) * 32768) / 32768
    voiced = on if kind == "voices" else np.zeros_like(on)
    return Scene(source, kind, x, chosen, voiced, snr, level, background_name)


def active(x: Sound) -> NDArray[np.bool_]:
    """Tell for each 10 ms whether a clean sound is on: within 0.2 s of a level 20 dB below that of its loud parts."""
    frames = (x[: len(x) // (INNER // 100) * (INNER // 100)].reshape(-1, INNER // 100) ** 2).mean(axis=1)
    if not frames.any():
        return np.zeros(len(frames), dtype=np.bool_)
    loud = frames > np.percentile(frames[frames > 0], 95) / 100
    return np.convolve(loud, np.ones(41), "same") > 0


# --- Parts -----------------------------------------------------------------------------------------------------------


def _background(name: str, kit: Kit, random: Random) -> Sound:
    if name in ("fan", "rain"):
        return SOURCES[name](kit, random)
    return coloured(random, 1.0 if name == "pink" else 0.0)


def coloured(random: Random, slope: float) -> Sound:
    """Return noise whose power falls as 1 / f^slope above 20 Hz."""
    count = round(SECONDS * INNER)
    f = np.maximum(np.fft.rfftfreq(count, 1 / INNER), 20)
    return np.asarray(np.fft.irfft(np.fft.rfft(random.standard_normal(count)) / f ** (slope / 2), count))


def note(f: float, seconds: float, decay: float, harmonics: int) -> Sound:
    t = np.arange(round(seconds * INNER)) / INNER
    tone = _sum(np.sin(2 * np.pi * k * f * t) / k for k in range(1, harmonics + 1) if k * f < INNER / 2)
    return np.asarray(tone * np.exp(-t / decay) * np.minimum(1, t / 0.01))


def thump(random: Random, f: float, decay: float) -> Sound:
    t = np.arange(round(6 * decay * INNER)) / INNER
    return np.asarray((np.sin(2 * np.pi * f * t) + 0.3 * random.standard_normal(len(t))) * np.exp(-t / decay))


def rattle(random: Random, decay: float) -> Sound:
    t = np.arange(round(6 * decay * INNER)) / INNER
    return np.asarray(random.standard_normal(len(t)) * np.exp(-t / decay))


def click(random: Random, f: float, decay: float) -> Sound:
    t = np.arange(round(8 * decay * INNER)) / INNER
    return np.asarray((np.sin(2 * np.pi * f * t) + random.standard_normal(len(t))) * np.exp(-t / decay))


def echo(x: Sound, seconds: float, random: Random) -> Sound:
    """Return `x` in a room where sound fades by 60 dB in so many seconds."""
    t = np.arange(round(seconds * INNER)) / INNER
    response = random.standard_normal(len(t)) * 10 ** (-3 * t / seconds) * 0.1
    response[0] = 1.0
    return np.asarray(fftconvolve(x, response)[: len(x)])


def low_pass(x: Sound, f: float) -> Sound:
    return np.asarray(sosfilt(butter(2, f, fs=INNER, output="sos"), x))


def band_pass(x: Sound, low: float, high: float) -> Sound:
    return np.asarray(sosfilt(butter(2, [low, high], "bandpass", fs=INNER, output="sos"), x))


def resampled(x: Sound, rate: int, wanted: int) -> Sound:
    common = int(np.gcd(rate, wanted))
    return np.asarray(resample_poly(x, wanted // common, rate // common))


def _sum(parts: Iterable[Sound]) -> Sound:
    return np.asarray(np.sum(list(parts), axis=0))


def _unit(x: Sound) -> Sound:
    return np.asarray(x / max(float(np.sqrt(np.mean(x**2))), 1e-12))


def _add(x: Sound, part: Sound, at: float) -> None:
    """Add `part` to `x` from the second (a float) or sample (an int) `at` on, as far as both reach."""
    start = at if isinstance(at, int) else round(at * INNER)
    begin, end = max(start, 0), min(start + len(part), len(x))
    if begin < end:
        x[begin:end] += part[begin - start : end - start]
