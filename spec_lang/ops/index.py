"""Which family declares which op, so that a spec loads only the families that it uses.

Written from the declarations by `pytest --record tests/ops/test_index.py`.
"""

from __future__ import annotations

LAYERS = {
    "activations": "Softmax2d PReLU ReLU ReLU6 ELU SELU CELU LeakyReLU RReLU GELU SiLU Mish Softplus Softsign Hardtanh Hardswish Hardsigmoid Hardshrink Softshrink Tanhshrink Tanh Sigmoid LogSigmoid Threshold GLU Softmax Softmin LogSoftmax",
    "layers.adaptive_pooling": "AdaptiveAvgPool1d AdaptiveMaxPool1d AdaptiveAvgPool2d AdaptiveMaxPool2d AdaptiveAvgPool3d AdaptiveMaxPool3d",
    "layers.attention": "MultiheadAttention",
    "layers.batch_norm": "BatchNorm1d BatchNorm2d BatchNorm3d",
    "layers.convolution": "Conv1d Conv2d Conv3d",
    "layers.distance": "CosineSimilarity PairwiseDistance",
    "layers.dropout": "Dropout Dropout1d Dropout2d Dropout3d AlphaDropout FeatureAlphaDropout",
    "layers.embedding": "Embedding EmbeddingBag",
    "layers.instance_norm": "InstanceNorm1d InstanceNorm2d InstanceNorm3d",
    "layers.linear": "Identity Linear Bilinear",
    "layers.norm": "LayerNorm RMSNorm GroupNorm LocalResponseNorm",
    "layers.padding": "ZeroPad1d ZeroPad2d ZeroPad3d ConstantPad1d ConstantPad2d ConstantPad3d ReflectionPad1d ReflectionPad2d ReflectionPad3d ReplicationPad1d ReplicationPad2d ReplicationPad3d CircularPad1d CircularPad2d CircularPad3d",
    "layers.pooling": "MaxPool1d MaxPool2d MaxPool3d MinPool1d MinPool2d MinPool3d AvgPool1d AvgPool2d AvgPool3d LPPool1d LPPool2d LPPool3d",
    "layers.recurrent": "RNN GRU LSTM",
    "layers.recurrent_cells": "RNNCell GRUCell LSTMCell",
    "layers.resampling": "Upsample UpsamplingNearest2d UpsamplingBilinear2d PixelShuffle PixelUnshuffle ChannelShuffle",
    "layers.reshaping": "Flatten Unflatten Unfold Fold",
    "layers.transformer": "TransformerEncoder TransformerDecoder Transformer",
    "layers.transformer_layers": "TransformerEncoderLayer TransformerDecoderLayer",
    "layers.transposed_convolution": "ConvTranspose1d ConvTranspose2d ConvTranspose3d",
    "layers.unpooling": "MaxUnpool1d MaxUnpool2d MaxUnpool3d",
    "losses": "L1Loss MSELoss SmoothL1Loss HuberLoss SoftMarginLoss HingeEmbeddingLoss PoissonNLLLoss KLDivLoss BCELoss BCEWithLogitsLoss NLLLoss CrossEntropyLoss MultiMarginLoss MultiLabelMarginLoss MultiLabelSoftMarginLoss GaussianNLLLoss CosineEmbeddingLoss MarginRankingLoss TripletMarginLoss CTCLoss",
}

FUNCTIONS = {
    "activations": "relu relu6 hardtanh elu selu celu leaky_relu rrelu gelu silu mish softplus softsign hardswish hardsigmoid hardshrink softshrink tanhshrink tanh sigmoid logsigmoid threshold glu prelu softmax softmin log_softmax",
    "functions.arithmetic": "add sub rsub mul multiply subtract div divide true_divide floor_divide remainder fmod pow maximum minimum lerp atan2 arctan2 copysign hypot logaddexp xlogy fmax fmin addcmul addcdiv heaviside",
    "functions.attention": "scaled_dot_product_attention",
    "functions.comparison": "eq ne lt le gt ge not_equal less less_equal greater greater_equal isclose logical_and logical_or logical_xor bitwise_and bitwise_or bitwise_xor bitwise_left_shift bitwise_right_shift where masked_fill",
    "functions.conversion": "to type_as float double half bfloat16 long int short char byte bool contiguous detach clone",
    "functions.convolution": "conv1d conv2d conv3d conv_transpose1d conv_transpose2d conv_transpose3d",
    "functions.creation": "arange zeros ones full zeros_like ones_like full_like new_full new_zeros new_ones eye linspace meshgrid one_hot rand randn rand_like randn_like",
    "functions.dropout": "dropout dropout1d dropout2d dropout3d alpha_dropout feature_alpha_dropout",
    "functions.einops": "rearrange reduce repeat",
    "functions.einsum": "einsum",
    "functions.elementwise": "exp exp2 expm1 log log2 log10 log1p sqrt rsqrt reciprocal sin cos tan asin acos atan sinh cosh asinh acosh atanh erf erfc deg2rad rad2deg sinc arcsin arccos arctan arcsinh arccosh arctanh floor ceil trunc fix positive isnan isinf isfinite isposinf isneginf signbit logical_not round frac abs absolute neg negative sign sgn square bitwise_not logit nan_to_num clamp clip clamp_min clamp_max",
    "functions.indexing": "getitem",
    "functions.matmul": "matmul mm bmm mv dot outer linear bilinear addmm baddbmm addmv inner tensordot kron cross trace",
    "functions.norm": "layer_norm rms_norm group_norm batch_norm instance_norm local_response_norm normalize cosine_similarity pairwise_distance embedding cdist dist embedding_bag",
    "functions.order": "kthvalue median quantile msort searchsorted bucketize",
    "functions.pooling": "max_pool1d max_pool2d max_pool3d avg_pool1d avg_pool2d avg_pool3d min_pool1d min_pool2d min_pool3d lp_pool1d lp_pool2d lp_pool3d adaptive_avg_pool1d adaptive_avg_pool2d adaptive_avg_pool3d adaptive_max_pool1d adaptive_max_pool2d adaptive_max_pool3d max_unpool1d max_unpool2d max_unpool3d",
    "functions.reductions": "sum mean prod amax amin max min argmax argmin any all var std var_mean std_mean aminmax count_nonzero nansum nanmean norm logsumexp cumsum cumprod logcumsumexp cummax cummin",
    "functions.resampling": "interpolate pixel_shuffle pixel_unshuffle channel_shuffle unfold fold pad grid_sample affine_grid",
    "functions.scattering": "index_add index_copy index_fill take scatter_reduce",
    "functions.selection": "split chunk unbind narrow select index_select gather take_along_dim scatter scatter_add topk sort argsort tril triu diagonal roll flip fliplr repeat_interleave flipud diff diag_embed diag tensor_split rot90",
    "functions.shape": "reshape view view_as reshape_as flatten ravel unflatten permute transpose swapaxes swapdims t movedim moveaxis squeeze unsqueeze cat concat concatenate stack hstack vstack expand broadcast_to expand_as tile",
    "functions.signal": "hann_window stft",
    "losses": "l1_loss mse_loss smooth_l1_loss huber_loss soft_margin_loss hinge_embedding_loss poisson_nll_loss kl_div binary_cross_entropy binary_cross_entropy_with_logits nll_loss cross_entropy multi_margin_loss multilabel_margin_loss multilabel_soft_margin_loss gaussian_nll_loss cosine_embedding_loss margin_ranking_loss triplet_margin_loss ctc_loss",
}
