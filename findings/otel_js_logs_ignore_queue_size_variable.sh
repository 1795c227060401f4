#!/bin/sh
# Good guess: OTEL_BLRP_MAX_QUEUE_SIZE, which OpenTelemetry's specification gives for the batching processor of
#   logs, makes its queue longer, as OTEL_BSP_MAX_QUEUE_SIZE does for spans in the same project.
# Versions: @opentelemetry/sdk-logs 0.223.0, @opentelemetry/sdk-trace-base 2.11.0, Node.js 20.
# Behaviour: of 5,000 spans emitted at once all arrive, of 5,000 logs 2,560: the variable is not read, the queue
#   holds 2,048 logs behind the batch that is under way, and what is beyond vanishes: nothing is logged, no
#   promise fails, forceFlush resolves. pino-opentelemetry-transport inherits it.
# Way out: say maxQueueSize where the processor is made; with pino-opentelemetry-transport in
#   logRecordProcessorOptions, as processorConfig.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
printf '{"name": "finding", "private": true}\n' > package.json
npm install --no-audit --no-fund --silent \
  @opentelemetry/sdk-logs@0.223.0 @opentelemetry/sdk-trace-base@2.11.0 @opentelemetry/api@1.9.0
cat > emit.mjs <<'JAVASCRIPT'
import { createRequire } from 'node:module'

const require = createRequire(import.meta.url)
const logs = require('@opentelemetry/sdk-logs')
const traces = require('@opentelemetry/sdk-trace-base')
const count = 5000
let logged = 0
let traced = 0

function exporter(add) {
  return {
    export(items, done) {
      add(items.length)
      done({ code: 0 })
    },
    forceFlush: async () => {},
    shutdown: async () => {},
  }
}

const ofLogs = new logs.BatchLogRecordProcessor({ exporter: exporter((more) => (logged += more)) })
const loggers = new logs.LoggerProvider({ processors: [ofLogs] })
const ofSpans = new traces.BatchSpanProcessor(exporter((more) => (traced += more)))
const tracers = new traces.BasicTracerProvider({ spanProcessors: [ofSpans] })
for (let number = 0; number < count; number++) {
  loggers.getLogger('a').emit({ body: `log ${number}` })
  tracers.getTracer('a').startSpan(`span ${number}`).end()
}
await loggers.forceFlush()
await tracers.forceFlush()
console.log(`spans: ${traced} of ${count}, logs: ${logged} of ${count}`)
JAVASCRIPT
export OTEL_BLRP_MAX_QUEUE_SIZE=10000 OTEL_BSP_MAX_QUEUE_SIZE=10000
seen=$(node emit.mjs)
echo "$seen"
test "$seen" = "spans: 5000 of 5000, logs: 2560 of 5000"
