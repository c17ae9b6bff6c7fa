// For tsc only: the types of the vendored module are those of its package.
export * from "lightweight-charts";
