#pragma OPENCL EXTENSION cl_khr_fp64 : enable  
#pragma OPENCL EXTENSION cl_khr_fp16 : enable  
#pragma OPENCL EXTENSION cl_khr_int64_base_atomics : enable  
__kernel void own(__global long *_kernel_context, __constant uchar *_constant_region, __local uchar *_local_region, __global int *_atomics, __global uchar *step, __global uchar *w, __global uchar *f, __global uchar *kv)
{
  int i_4, i_7, i_9, i_11; 
  ulong ul_0, ul_13, ul_10, ul_8, ul_6, ul_3, ul_1, ul_2; 
  float f_12; 
  bool b_5; 

  // BLOCK 0
  ul_0  =  (ulong) step;
  ul_1  =  (ulong) w;
  ul_2  =  (ulong) f;
  ul_3  =  (ulong) kv;
  i_4  =  get_global_id(0);
  b_5  =  i_4 < 1;
  if(b_5)
  {
    // BLOCK 1
  }  // B0
  else
  {
    // BLOCK 2
    ul_6  =  ul_0 + 16L;
    i_7  =  *((__global int *) ul_6);
    ul_8  =  ul_1 + 16L;
    i_9  =  *((__global int *) ul_8);
    ul_10  =  ul_2 + 16L;
    i_11  =  i_7 + i_9;
    f_12  =  (float) i_11;
    *((__global float *) ul_10)  =  f_12;
    ul_13  =  ul_3 + 16L;
    *((__global int *) ul_13)  =  i_7;
  }  // B0
  // BLOCK 3 MERGES [1 2 ]
  return;
}  //  kernel
