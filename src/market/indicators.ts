// The indicators, one name each. Definitions are the field's; where it knows two, the class says which.
// All use + − × ÷ √ only, so that a result is the same on every machine.
export { Ema, Sma, Wma } from './indicators/average.ts';
export { Donchian } from './indicators/donchian.ts';
export { Macd, type MacdOptions, RateOfChange, Rsi } from './indicators/momentum.ts';
export { SOURCES, type Source } from './indicators/source.ts';
export { Atr, BollingerBands, StandardDeviation } from './indicators/volatility.ts';
export {
  Obv,
  RollingVwap,
  SessionVwap,
  type SessionVwapOptions,
  TradeImbalance,
} from './indicators/volume.ts';
