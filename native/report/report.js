// Draws every <div class="chart"> from the JSON beside it, in the page's own colours.
(() => {
  const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const plots = [];
  function draw() {
    for (const plot of plots.splice(0)) plot.destroy();
    for (const holder of document.querySelectorAll('.chart')) {
      const chart = JSON.parse(holder.previousElementSibling.textContent);
      const axis = {
        stroke: css('--soft'),
        grid: { stroke: css('--line'), width: 1 },
        ticks: { stroke: css('--line') },
      };
      const series = [{ label: chart.x }];
      for (const line of chart.lines)
        series.push({
          label: line.name,
          stroke: css(line.color),
          width: line.width ?? 2,
          dash: line.dash,
          points: { show: line.points ?? chart.data[0].length < 60, size: 5 },
          spanGaps: true,
          value: (_, v) => (v == null ? '–' : v.toFixed(4)),
        });
      plots.push(
        new uPlot(
          {
            width: holder.clientWidth,
            height: 260,
            series,
            scales: { x: { time: false, range: chart.x_range }, y: { range: chart.y_range } },
            axes: [
              {
                ...axis,
                label: chart.x,
                labelSize: 20,
                incrs: chart.whole_x ? [1, 2, 5, 10, 20, 50, 100] : undefined,
              },
              // uPlot's own labels have three decimals at most: learning rates would repeat.
              {
                ...axis,
                size: 60,
                values: (_, ticks) => ticks.map((v) => String(Number(v.toPrecision(6)))),
              },
            ],
            cursor: { drag: { x: false, y: false } },
          },
          chart.data,
          holder,
        ),
      );
    }
  }
  draw();
  let width = innerWidth;
  addEventListener('resize', () => {
    if (innerWidth !== width) {
      width = innerWidth;
      draw();
    }
  });
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', draw);
})();
