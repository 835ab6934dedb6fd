"""Gatun's OpenCL products beside CLBlast and the read bandwidth; started by ci/bench-opencl."""

import argparse
import json
import os
import statistics
import subprocess

GEMM = ["512 2048 640", "512 640 2048", "1024 1024 1024", "64 2048 640"]
MATVEC = ["Q8_0 65536 640", "Q8_0 32768 2048", "F32 16384 640", "F32 16384 2048"]


def run(command):
    out = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return [json.loads(line) for line in out.splitlines() if line.startswith("{")]


def spread(values):
    return f"**{statistics.median(values):.1f}** [{min(values):.1f}..{max(values):.1f}]"


def main():
    p = argparse.ArgumentParser(prog="ci/bench-opencl")
    p.add_argument("--rounds", type=int, default=5)
    rounds = p.parse_args().rounds
    gatun, clblast = os.environ["GATUN_BENCH"].split(), os.environ["CLBLAST_BENCH"].split()
    ours, theirs, shares, roofs = {}, {}, {}, {}
    for _ in range(rounds):
        for shape in GEMM:
            for r in run([*gatun, "gemm", *shape.split()]):
                ours.setdefault(r["what"], []).append(r["value"])
            for r in run([*clblast, *shape.split()]) if clblast else []:
                theirs.setdefault(r["what"], []).append(r["value"])
        for case in MATVEC:
            # In one process and right before: the host's clock and neighbours change by the minute.
            roof, result = run([*gatun, "matvec", *case.split()])
            ours.setdefault(result["what"], []).append(result["value"])
            roofs.setdefault(result["what"], []).append(roof["value"])
            shares.setdefault(result["what"], []).append(100 * result["value"] / roof["value"])
    print("| F32 GEMM, GFLOP/s | Gatun | CLBlast | ratio |\n|---|---|---|---|")
    for what in (w for w in ours if w.startswith("gemm")):
        them = theirs.get(what)
        ratio = f"{statistics.median(ours[what]) / statistics.median(them):.2f}" if them else "–"
        print(f"| {what[5:]} | {spread(ours[what])} | {spread(them) if them else 'not measured'} | {ratio} |")
    print("\n| matrix-vector, GB/s of weights | Gatun | device reads | share, % |\n|---|---|---|---|")
    for what in shares:
        print(f"| {what[7:]} | {spread(ours[what])} | {spread(roofs[what])} | {spread(shares[what])} |")


if __name__ == "__main__":
    main()
