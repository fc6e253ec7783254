// What of D3 the page draws with; `bundle.sh` makes `d3.js` of it.
export { axisBottom, axisLeft } from "d3-axis";
export { forceCollide, forceLink, forceManyBody, forceSimulation, forceX, forceY } from "d3-force";
export { scaleLinear, scalePoint, scaleSqrt } from "d3-scale";
export { select } from "d3-selection";
export { curveMonotoneX, line } from "d3-shape";
