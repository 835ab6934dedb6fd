"""Gatun beside llama.cpp; started by ci/bench-peers. Prints a markdown table, medians with [least..most].

Order: page cache warmed, greedy ids compared, then ROUNDS times Gatun and llama.cpp in turn (who starts alternates):
  warm   gatun bench / llama-bench: prefill and decode apart, in one process, after its own warm-up
  cold   the same without warm-up, one repetition: what a process's first prompt gets
  first  wall time from command to the first byte of the answer, model file in the page cache
  memory peak resident size of a whole prompt-and-answer run (a mapped file's pages count for both)
"""

import argparse
import datetime
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
GATUN = str(ROOT / "bin/gatun")
BIN = Path(os.environ["LLAMA_BIN"])
PROMPT = "Once upon a time"
TEXT = ROOT / "runtime/src/test/resources/goldens/gemma3-270m/alice.txt"


def args():
    p = argparse.ArgumentParser(prog="ci/bench-peers")
    p.add_argument("--models", default="gemma3-270m,speed-q8_0", help="names or GGUF paths, with commas")
    p.add_argument("--rounds", type=int, default=5)
    p.add_argument("--repeats", type=int, default=3, help="repetitions inside one warm process")
    p.add_argument("--threads", type=int, default=os.cpu_count())
    p.add_argument("--backend", default="jvm")
    p.add_argument("-p", type=int, default=512, help="prompt tokens")
    p.add_argument("-n", type=int, default=128, help="generated tokens")
    p.add_argument("--parts", default="ids,warm,cold,first,memory")
    p.add_argument("--out", help="also write the table here")
    return p.parse_args()


def run(command):
    """Standard output of a command; its errors are ours."""
    r = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if r.returncode:
        sys.exit(f"bench-peers: {' '.join(map(str, command[:3]))}…: {r.stderr.strip().splitlines()[-1:]}")
    return r.stdout


def resolve(model):
    if model.endswith(".gguf"):
        return Path(model)
    home = Path(os.environ.get("GATUN_HOME") or
                Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "gatun")
    # Reading one token makes or fetches what is missing.
    run([GATUN, "tokenize", "-m", model, "a"])
    name = "gemma-3-270m-q4_k_m.gguf" if model == "gemma3-270m" else f"{model}.gguf"
    found = list((home / "models").rglob(name))
    return found[0] if found else sys.exit(f"bench-peers: {model}: no {name} under {home}/models")


class Gatun:
    name = "Gatun"

    def __init__(self, a, file):
        self.common = ["-m", str(file), "-t", str(a.threads), "--backend", a.backend]
        self.a = a

    def rates(self, warm):
        more = ["-r", str(self.a.repeats)] if warm else ["-r", "1", "--warmup", "0"]
        j = json.loads(run([GATUN, "bench", *self.common, "-p", str(self.a.p), "-n", str(self.a.n), "--json", *more]))
        return j["prefill_tps"], j["decode_tps"]

    def answer(self, n, prompt=("-p", PROMPT), context=512):
        return [GATUN, "run", *self.common, "--temp", "0", "--raw", "-c", str(context), "-n", str(n), *prompt]

    def ids(self, n):
        return json.loads(run(self.answer(n) + ["--json"]))["tokens"]


class LlamaCpp:
    name = "llama.cpp"

    def __init__(self, a, file):
        self.a, self.file = a, str(file)

    def rates(self, warm):
        more = ["-r", str(self.a.repeats)] if warm else ["-r", "1", "--no-warmup"]
        j = json.loads(run([BIN / "llama-bench", "-m", self.file, "-t", str(self.a.threads), "-p", str(self.a.p),
                            "-n", str(self.a.n), "-o", "json", *more]))
        median = {("p" if t["n_prompt"] else "n"): statistics.median(t["samples_ts"]) for t in j}
        return median["p"], median["n"]

    def answer(self, n, prompt=("-p", PROMPT), context=512):
        return [str(BIN / "llama-completion"), "-m", self.file, "-t", str(self.a.threads), "--temp", "0", "-no-cnv",
                "--no-display-prompt", "--no-warmup", "-c", str(context), "-n", str(n), *prompt]

    def ids(self, n):
        import numpy as np
        from llama_oracle import Llama
        model = Llama(self.file, n_ctx=512, threads=self.a.threads)
        row = model.feed(model.tokenize(PROMPT))[0]
        out, gaps = [], []
        for _ in range(n):
            out.append(int(row.argmax()))
            gaps.append(float(row[out[-1]] - np.partition(row, -2)[-2]))
            row = model.feed(out[-1:])[0]
        model.close()
        self.gaps = gaps
        return out


def first_byte(command):
    """Seconds until the first byte of the answer."""
    start = time.perf_counter()
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as p:
        got = p.stdout.read(1)
        took = time.perf_counter() - start
        p.stdout.read()
    if not got or p.returncode:
        sys.exit(f"bench-peers: no answer from {command[0]}")
    return took


def peak_mib(command):
    """Largest resident size of the process."""
    p = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(p.pid, 0)
    if status:
        sys.exit(f"bench-peers: {command[0]} failed")
    return usage.ru_maxrss / 1024


def compare_ids(gatun, llama):
    ours, theirs = gatun.ids(16), llama.ids(16)
    for i, (x, y) in enumerate(zip(ours, theirs)):
        if x != y:
            return f"greedy ids equal for {i} of 16, then {x} for {y} where llama.cpp's first leads by {llama.gaps[i]:.3f}"
    return "greedy ids of 16 tokens equal" if len(ours) == 16 else f"only {len(ours)} ids"


def measure(a, model, file):
    with open(file, "rb") as f:  # warms the page cache
        while f.read(1 << 24):
            pass
    engines = [Gatun(a, file), LlamaCpp(a, file)]
    parts = a.parts.split(",")
    notes = compare_ids(*engines) if "ids" in parts else "ids not compared"
    with tempfile.NamedTemporaryFile("w", suffix=".txt", delete=False) as f:
        f.write(TEXT.read_text(encoding="utf-8")[:2000])
    seen = {}

    def note(row, engine, value):
        seen.setdefault(row, {}).setdefault(engine.name, []).append(value)
        print(f"bench-peers: {model}: {row}: {engine.name} {value:.2f}", file=sys.stderr, flush=True)

    for r in range(a.rounds):
        for e in engines if r % 2 == 0 else engines[::-1]:
            for kind in ("warm", "cold"):
                if kind in parts:
                    prefill, decode = e.rates(kind == "warm")
                    note(f"prefill {a.p}, {kind}, t/s", e, prefill)
                    note(f"decode {a.n}, {kind}, t/s", e, decode)
            if "first" in parts:
                note("command to first token, s", e, first_byte(e.answer(2)))
            if "memory" in parts and r < 2:
                note("peak resident, MiB", e, peak_mib(e.answer(32, ("-f", f.name), 1024)))
    os.unlink(f.name)
    lines = [f"**{model}** ({file.stat().st_size >> 20} MiB): {notes}.", "",
             "| | Gatun | llama.cpp | ratio |", "|---|---|---|---|"]
    for row, by in seen.items():
        g, l = by["Gatun"], by["llama.cpp"]
        ratio = statistics.median(g) / statistics.median(l)
        lines.append(f"| {row} | {spread(g)} | {spread(l)} | {ratio:.2f} |")
    return lines


def spread(values):
    digits = 0 if min(values) >= 100 else 1 if min(values) >= 10 else 2
    m, low, high = (f"{v:.{digits}f}" for v in (statistics.median(values), min(values), max(values)))
    return f"**{m}** [{low}..{high}]"


def main():
    a = args()
    cpu = next((x.split(":")[1].strip() for x in open("/proc/cpuinfo") if x.startswith("model name")), "CPU")
    out = [f"{datetime.date.today()}, {cpu}, {os.cpu_count()} cores, {a.threads} threads, Gatun backend {a.backend}, "
           f"{a.rounds} rounds interleaved; median [least..most].", ""]
    for model in a.models.split(","):
        out += measure(a, model, resolve(model)) + [""]
    text = "\n".join(out)
    print(text)
    if a.out:
        Path(a.out).write_text(text + "\n")


if __name__ == "__main__":
    main()
