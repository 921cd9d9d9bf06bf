import { MemoryMetrics } from '../../src/adapters/memory-metrics.ts'
import { metricsCompliance } from './metrics.ts'

metricsCompliance({ name: 'memory-metrics', open: () => new MemoryMetrics() })
