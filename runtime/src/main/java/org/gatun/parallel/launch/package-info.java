/** Starts one process per rank on this host, and keeps them one job. */
package org.gatun.parallel.launch;
