// Logs so many warnings by one client: node client.mjs CLIENT URL TOKEN COUNT
import { createRequire } from 'node:module'

const require = createRequire(import.meta.url)
const [client, url, token, count] = process.argv.slice(2)
const authorization = { Authorization: `Bearer ${token}` }
const labels = { shop: 'north' }
const orders = Array.from({ length: Number(count) }, (_, number) => number)

function pinoTo(target, options) {
  const pino = require('pino')
  const transport = pino.transport({ target, options })
  const logger = pino(transport)
  transport.on('ready', () => {
    orders.forEach((order) => logger.warn({ order }, `order ${order} failed`))
    transport.end()
  })
}

function winstonTo(transport) {
  const logger = require('winston').createLogger({ transports: [transport] })
  orders.forEach((order) => logger.warn(`order ${order} failed`, { order, ...labels }))
  return logger
}

function winstonLoki(json) {
  const Loki = require('winston-loki')
  const onConnectionError = (error) => console.error(error)
  const basicAuth = `anyone:${token}`
  const transport = new Loki({ host: url, labels, basicAuth, json, onConnectionError, interval: 1 })
  winstonTo(transport)
  transport.flush().then(() => process.exit(0))
}

async function openTelemetry(encoding) {
  const { OTLPLogExporter } = require(`@opentelemetry/exporter-logs-otlp-${encoding}`)
  const { BatchLogRecordProcessor, LoggerProvider } = require('@opentelemetry/sdk-logs')
  const compression = encoding === 'proto' ? 'gzip' : 'none'
  const exporter = new OTLPLogExporter({ url: `${url}/v1/logs`, headers: authorization, compression })
  const processor = new BatchLogRecordProcessor({ exporter, maxQueueSize: orders.length })
  const provider = new LoggerProvider({ processors: [processor] })
  const logger = provider.getLogger('orders')
  for (const order of orders) {
    const attributes = { order, huge: 1e21, ...labels }
    logger.emit({ severityNumber: 13, body: `order ${order} failed`, attributes })
  }
  await provider.shutdown()
}

const { hostname, port } = new URL(url)
const start = {
  'pino-loki': () => pinoTo('pino-loki', { host: url, labels, headers: authorization }),
  'pino-opentelemetry': () => {
    process.env.OTEL_EXPORTER_OTLP_LOGS_ENDPOINT = `${url}/v1/logs`
    process.env.OTEL_EXPORTER_OTLP_LOGS_HEADERS = `Authorization=Bearer%20${token}`
    // Beyond its queue it drops logs without a word.
    const processorConfig = { maxQueueSize: orders.length }
    pinoTo('pino-opentelemetry-transport', {
      resourceAttributes: labels,
      logRecordProcessorOptions: { recordProcessorType: 'batch', processorConfig },
    })
  },
  'winston-http': () => {
    const { Http } = require('winston').transports
    winstonTo(new Http({ host: hostname, port, path: '/ingest', headers: authorization }))
  },
  'winston-loki': () => winstonLoki(false),
  'winston-loki-json': () => winstonLoki(true),
  'opentelemetry-http': () => openTelemetry('http'),
  'opentelemetry-proto': () => openTelemetry('proto'),
}
start[client]()
