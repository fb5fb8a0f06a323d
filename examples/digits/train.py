"""Train a small digit classifier and quantize it to int8 with the TFLite converter.

Install the requirements first::

    pip install tensorflow-cpu scikit-learn

Then ``python train.py`` re-creates, next to this script,

* ``digits_int8.tflite``: the fully quantized network (int8 inputs and outputs), and
* ``digits_test.npz``: the held-out test images, quantized with the network's own input
  scale and zero point (``in0``), and their ``labels``,

and prints the accuracy of the float network and of the int8 network on these images.
The test images take no part in training, calibration or model selection. All seeds are fixed,
but floating-point training may still differ slightly between TensorFlow versions and CPUs.
"""

from pathlib import Path

import numpy as np
import tensorflow as tf
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

HERE = Path(__file__).resolve().parent
MODEL_FILE = HERE / "digits_int8.tflite"
TEST_FILE = HERE / "digits_test.npz"

SEED = 0
TEST_IMAGES = 450
EPOCHS = 60
BATCH_SIZE = 32
LEARNING_RATE = 2e-3

layers = tf.keras.layers


def load_data() -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return train images, test images, train labels and test labels; pixels are in [0, 1]."""
    digits = load_digits()
    images = (digits.images / 16.0).astype(np.float32)[..., np.newaxis]
    labels = digits.target.astype(np.int64)
    return train_test_split(
        images, labels, test_size=TEST_IMAGES, stratify=labels, random_state=SEED
    )


def build_model() -> tf.keras.Model:
    """Build the network: a stem, a depthwise residual block, a convolution and a dense head."""
    image = layers.Input((8, 8, 1), name="image")
    x = layers.Conv2D(16, 3, padding="same", use_bias=False)(image)
    x = layers.BatchNormalization()(x)
    stem = layers.ReLU()(x)

    x = layers.DepthwiseConv2D(3, padding="same", use_bias=False)(stem)
    x = layers.BatchNormalization()(x)
    x = layers.ReLU()(x)
    x = layers.Conv2D(16, 1, use_bias=False)(x)
    x = layers.BatchNormalization()(x)
    x = layers.ReLU()(layers.Add()([stem, x]))
    x = layers.MaxPooling2D(2)(x)

    x = layers.Conv2D(32, 3, padding="same", use_bias=False)(x)
    x = layers.BatchNormalization()(x)
    x = layers.ReLU()(x)
    x = layers.AveragePooling2D(2)(x)
    x = layers.Flatten()(x)
    x = layers.Dropout(0.3)(x)
    return tf.keras.Model(image, layers.Dense(10, activation="softmax")(x))


def train(model: tf.keras.Model, images: np.ndarray, labels: np.ndarray) -> None:
    """Fit the model for a fixed number of epochs with a cosine learning-rate decay."""
    steps = EPOCHS * -(-len(images) // BATCH_SIZE)
    schedule = tf.keras.optimizers.schedules.CosineDecay(LEARNING_RATE, steps)
    model.compile(tf.keras.optimizers.Adam(schedule), "sparse_categorical_crossentropy")
    model.fit(images, labels, batch_size=BATCH_SIZE, epochs=EPOCHS, verbose=0)


def quantize(model: tf.keras.Model, calibration: np.ndarray) -> bytes:
    """Convert the model to a full-integer int8 flatbuffer with a fixed batch size of one."""
    image = layers.Input((8, 8, 1), batch_size=1, name="image")
    converter = tf.lite.TFLiteConverter.from_keras_model(tf.keras.Model(image, model(image)))
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = lambda: ([sample[np.newaxis]] for sample in calibration)
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type = tf.int8
    converter.inference_output_type = tf.int8
    converter._experimental_disable_per_channel_quantization_for_dense_layers = True
    return converter.convert()


def make_interpreter(flatbuffer: bytes) -> tf.lite.Interpreter:
    """Load the quantized model with TFLite's reference kernels."""
    interpreter = tf.lite.Interpreter(
        model_content=flatbuffer,
        experimental_op_resolver_type=tf.lite.experimental.OpResolverType.BUILTIN_REF,
    )
    interpreter.allocate_tensors()
    return interpreter


def quantize_images(interpreter: tf.lite.Interpreter, images: np.ndarray) -> np.ndarray:
    """Quantize float images with the scale and zero point of the model's input."""
    scale, zero_point = interpreter.get_input_details()[0]["quantization"]
    return np.clip(np.round(images / scale) + zero_point, -128, 127).astype(np.int8)


def predict(interpreter: tf.lite.Interpreter, images: np.ndarray) -> np.ndarray:
    """Return the class the quantized model predicts for each quantized image."""
    source = interpreter.get_input_details()[0]["index"]
    target = interpreter.get_output_details()[0]["index"]
    classes = []
    for image in images:
        interpreter.set_tensor(source, image[np.newaxis])
        interpreter.invoke()
        classes.append(interpreter.get_tensor(target)[0].argmax())
    return np.array(classes)


def main() -> None:
    """Train, quantize, evaluate and write both files."""
    tf.keras.utils.set_random_seed(SEED)
    tf.config.experimental.enable_op_determinism()
    train_images, test_images, train_labels, test_labels = load_data()

    model = build_model()
    train(model, train_images, train_labels)
    flatbuffer = quantize(model, train_images)

    interpreter = make_interpreter(flatbuffer)
    quantized = quantize_images(interpreter, test_images)
    MODEL_FILE.write_bytes(flatbuffer)
    np.savez_compressed(TEST_FILE, in0=quantized, labels=test_labels)

    float_classes = model.predict(test_images, verbose=0).argmax(axis=1)
    print(f"float accuracy: {np.mean(float_classes == test_labels):.4f}")
    print(f"int8 accuracy:  {np.mean(predict(interpreter, quantized) == test_labels):.4f}")


if __name__ == "__main__":
    main()
