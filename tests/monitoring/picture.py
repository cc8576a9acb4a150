"""Draws the dashboard's graphs from the data of a run of live.py.

    picture.py RUN.json PICTURE.png
"""

import json
import math
import sys

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt

COLUMNS = 4
source, target = sys.argv[1:]
with open(source) as file:
    run = json.load(file)
begun = run["begun"]
# What counts is over time; the figures of now are in the graphs as well.
panels = [panel for panel in run["panels"] if panel["graph"]]

plt.rcParams |= {"font.size": 6, "axes.spines.top": False, "axes.spines.right": False, "axes.grid": True, "grid.alpha": 0.3}
rows = -(-len(panels) // COLUMNS)
figure, axes = plt.subplots(rows, COLUMNS, figsize=(14, 2.1 * rows), layout="constrained")
for axis, panel in zip(axes.flat, panels):
    lines = 0
    for line in panel["lines"]:
        legend = line["legend"]
        for label, value in line["labels"].items():
            legend = legend.replace("{{%s}}" % label, value)
        points = [(float(at) - begun, float(value)) for at, value in line["values"]]
        # A series that is 0 throughout only fills the legend.
        if any(value and not math.isnan(value) for _, value in points):
            axis.plot(*zip(*points), label=legend, linewidth=1, drawstyle="steps-post")
            lines += 1
    unit = {"short": "", "none": "", "ops": "per second", "s": "seconds"}.get(panel["unit"], panel["unit"])
    if not lines:
        axis.text(0.5, 0.5, "0 throughout", ha="center", transform=axis.transAxes)
        axis.set_ylim(0, 1)
    axis.set_title(panel["title"] + (f", {unit}" if unit else ""), fontsize=7, loc="left")
    axis.set_ylim(bottom=0)
    axis.set_xlim(left=0)
    if lines:
        axis.legend(fontsize=5, ncols=1 + lines // 6, frameon=False, loc="upper left")
for axis in axes.flat[len(panels):]:
    axis.axis("off")
figure.supxlabel("seconds since the run began", fontsize=6)
figure.savefig(target, dpi=90, metadata={"Software": None}, pil_kwargs={"optimize": True})
print(f"drew {len(panels)} graphs: {target}")
