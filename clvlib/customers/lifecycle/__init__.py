"""Where customers are in their life: stages and states, the steps between them, cohorts, funnels, key figures."""
