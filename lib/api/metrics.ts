export type ThinMetricName = 'Requests' | 'Errors' | 'Transactions' | 'DurationMs';

/** Where the service counts. In the cloud CloudWatch's embedded metric format. */
export interface ThinMetrics {
  add(name: ThinMetricName, value: number): void;
}

export const noMetrics: ThinMetrics = { add: () => undefined };
